import { useMutation } from "@tanstack/react-query";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { plural } from "@/lib/format";
import { deviceOf } from "./device";
import { endSessions, type LoginSession } from "./queries";

interface EndDialogProps {
  /** What is to be ended; null while nothing is asked. */
  readonly targets: readonly LoginSession[] | null;
  /** Whose sessions they are, if not the visitor's own. */
  readonly of?: string;
  readonly onEnded: () => void;
  readonly onClose: () => void;
}

export function EndDialog({ targets, of, onEnded, onClose }: EndDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: (sessions: readonly LoginSession[]) => endSessions(sessions),
    onSuccess: (_, sessions) => {
      onEnded();
      toast(sessions.length === 1 ? "The session was ended." : `${plural(sessions.length, "session")} were ended.`);
      onClose();
    },
  });
  const [first] = targets ?? [];
  const many = (targets?.length ?? 0) > 1;
  return (
    <DialogBox
      title={many ? `End ${plural(targets?.length ?? 0, "session")}?` : "End this session?"}
      role="alertdialog"
      isOpen={targets !== null}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>
        {many ? "Whoever uses them" : `Whoever uses ${first === undefined ? "it" : deviceOf(first.userAgent).name}`} has to sign in again{of === undefined ? "" : ` as ${of}`}. API keys go on working.
      </p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep {many ? "them" : "it"}
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            if (targets) mutation.mutate(targets);
          }}
        >
          {many ? "End sessions" : "End session"}
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
