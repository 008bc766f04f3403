import { useMutation } from "@tanstack/react-query";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import type { ApiKey } from "./queries";

interface RevokeKeyDialogProps {
  readonly target: ApiKey | null;
  readonly revoke: (id: string) => Promise<void>;
  readonly onRevoked: (key: ApiKey) => void;
  readonly onClose: () => void;
}

export function RevokeKeyDialog({ target, revoke, onRevoked, onClose }: RevokeKeyDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: (key: ApiKey) => revoke(key.id),
    onSuccess: (_, key) => {
      onRevoked(key);
      toast(`“${key.name}” was revoked.`);
      onClose();
    },
  });
  return (
    <DialogBox
      title={`Revoke “${target?.name ?? ""}”?`}
      role="alertdialog"
      isOpen={target !== null}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>Services that use this key are refused from now on. This cannot be undone.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep it
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            if (target) mutation.mutate(target);
          }}
        >
          Revoke key
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
