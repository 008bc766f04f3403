import { useMutation } from "@tanstack/react-query";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Notice } from "@/components/states";
import { plural } from "@/lib/format";
import { deleteProjectSession, type ProjectSession } from "./queries";

interface DeleteSessionDialogProps {
  readonly session: ProjectSession;
  readonly isOpen: boolean;
  readonly onDeleted: () => void;
  readonly onClose: () => void;
}

export function DeleteSessionDialog({ session, isOpen, onDeleted, onClose }: DeleteSessionDialogProps) {
  const mutation = useMutation({ mutationFn: () => deleteProjectSession(session.id), onSuccess: onDeleted });
  return (
    <DialogBox
      title="Delete this session?"
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>{plural(session.traces.length, "trace")} and all that was said of them go with it. This cannot be undone.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep it
        </Button>
        <Button variant="danger" busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Delete session
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
