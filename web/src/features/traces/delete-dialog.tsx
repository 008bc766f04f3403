import { useMutation } from "@tanstack/react-query";
import { asApiError, errorOfResponse } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { rest } from "@/api/rest";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Notice } from "@/components/states";

interface DeleteTraceDialogProps {
  /** The global id of the trace. */
  readonly id: string;
  readonly isOpen: boolean;
  readonly onDeleted: () => void;
  readonly onClose: () => void;
}

export function DeleteTraceDialog({ id, isOpen, onDeleted, onClose }: DeleteTraceDialogProps) {
  const mutation = useMutation({
    mutationFn: async () => {
      const { error, response } = await rest.DELETE("/v1/traces/{trace_identifier}", { params: { path: { trace_identifier: id } } });
      if (!response.ok) throw await errorOfResponse(new Response(JSON.stringify(error ?? null), response));
    },
    onSuccess: () => {
      onDeleted();
      // Lists, counts and the project's times: all of them may have shown it. The trace itself must not be asked for.
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "trace" });
    },
  });
  return (
    <DialogBox
      title="Delete this trace?"
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>Its spans and all that was said of them go with it. This cannot be undone.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep it
        </Button>
        <Button variant="danger" busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Delete trace
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
