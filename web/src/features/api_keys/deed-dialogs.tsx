import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { SelectField } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { formatAgo, formatComplete, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { isRotating } from "./key-state";
import styles from "./keys.module.css";
import { type Key, type KeyUsage, type KeyWithSecret, revokeKey, rotateKey, usageOptions } from "./platform";
import { lastUseInWords, startOf, WEEK_RANGE } from "./usage";

const graces = [
  { seconds: 0, label: "None: it is refused at once" },
  { seconds: 3600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 604_800, label: "7 days" },
  { seconds: 2_592_000, label: "30 days" },
];
const DEFAULT_GRACE = 86_400;

interface RotateDialogProps {
  readonly apiKey: Key;
  readonly isOpen: boolean;
  readonly onRotated: (key: KeyWithSecret) => void;
  readonly onClose: () => void;
}

export function RotateDialog({ apiKey, isOpen, onRotated, onClose }: RotateDialogProps) {
  const now = useNow();
  const [grace, setGrace] = useState(DEFAULT_GRACE);
  const mutation = useMutation({ mutationFn: () => rotateKey(apiKey.id, grace), onSuccess: onRotated });
  const previous = apiKey.previousSecret;
  return (
    <DialogBox
      title={`Rotate “${apiKey.name}”?`}
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>It gets a new secret, shown once, and keeps all else: name, permissions, projects, history. Give the new one to whatever uses the key while the present one still works.</p>
      {previous !== null && isRotating(apiKey, now) && (
        <Notice tone="warning">
          The last rotation is not over: the secret before it, <code>{previous.maskedKey}</code>, ends at once.
        </Notice>
      )}
      <SelectField
        label="The present secret works on for"
        value={grace}
        onChange={(event) => setGrace(Number(event.target.value))}
        hint={grace === 0 ? "For a secret that has leaked." : `${apiKey.maskedKey} is refused from ${formatComplete(new Date(now + grace * 1000).toISOString()).replace(/\.\d+/, "")} on.`}
      >
        {graces.map((one) => (
          <option key={one.seconds} value={one.seconds}>
            {one.label}
          </option>
        ))}
      </SelectField>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="primary" busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Rotate key
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

interface RevokeDialogProps {
  /** What is to be revoked; null while nothing is asked. */
  readonly target: Key | null;
  readonly onRevoked: (key: Key) => void;
  readonly onClose: () => void;
}

export function RevokeDialog({ target, onRevoked, onClose }: RevokeDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: (key: Key) => revokeKey(key.id),
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
      {target && <Breaks target={target} />}
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

/** Who will notice. */
function Breaks({ target }: { readonly target: Key }) {
  const now = useNow();
  const { data: usage, isPending } = useQuery(usageOptions(target.id, WEEK_RANGE, new Date(startOf(WEEK_RANGE, now)).toISOString()));
  return (
    <>
      <p>Whatever uses it is refused from this moment on. This cannot be undone; its history stays.</p>
      <div role="status" className={styles["stack"]}>
        {isPending ? (
          <p className={styles["soft"]}>Looking at who uses it…</p>
        ) : isUnused(target, usage) ? (
          <Notice tone="success">It has never been used: nothing breaks.</Notice>
        ) : (
          <Notice tone="warning">{usage ? <UsedBy usage={usage} /> : `It was used ${target.lastUsedAt === null ? "before" : formatAgo(target.lastUsedAt, now)}.`}</Notice>
        )}
      </div>
    </>
  );
}

function isUnused(key: Key, usage: KeyUsage | undefined): boolean {
  return key.lastUsedAt === null && (usage?.lastUsed ?? null) === null && (usage?.totals.requests ?? 0) === 0;
}

function UsedBy({ usage }: { readonly usage: KeyUsage }) {
  const now = useNow();
  const [first, second] = usage.byRoute;
  return (
    <ul className={styles["breaks"]}>
      {usage.lastUsed && <li>Last used {lastUseInWords(usage.lastUsed, now)}.</li>}
      {usage.totals.requests === 0 ? (
        <li>Not used {WEEK_RANGE.text}.</li>
      ) : (
        <li>
          {plural(usage.totals.requests, "request")} {WEEK_RANGE.text}
          {first && (
            <>
              , most of them to <code>{first.route}</code>
              {second && (
                <>
                  {" "}
                  and <code>{second.route}</code>
                </>
              )}
            </>
          )}
          .
        </li>
      )}
    </ul>
  );
}
