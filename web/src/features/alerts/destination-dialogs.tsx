import { useMutation, useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { DialogActions, DialogBox } from "@/components/dialog";
import { CheckField, ChoiceField, Field, SelectField } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { config } from "@/config";
import { serverOptions } from "@/features/auth/server";
import { formatComplete } from "@/lib/format";
import styles from "./alerts.module.css";
import { createDestination, type Destination, destinationRemoved, destinationsChanged, type DestinationWithSecret, type NewDestination, removeDestination, rotateSecret } from "./queries";
import { kinds, targetOf } from "./words";

interface CreateDialogProps {
  readonly isOpen: boolean;
  readonly onCreated: (destination: DestinationWithSecret) => void;
  readonly onClose: () => void;
}

export function CreateDestinationDialog({ isOpen, onCreated, onClose }: CreateDialogProps) {
  return (
    <DialogBox title="New destination" isOpen={isOpen} isDismissable={false} onClose={onClose}>
      <CreateForm onCreated={onCreated} onClose={onClose} />
    </DialogBox>
  );
}

const whens = [
  { value: "both", label: "When raised and when over" },
  { value: "alert.raised", label: "When raised" },
  { value: "alert.resolved", label: "When over" },
];

function CreateForm({ onCreated, onClose }: Omit<CreateDialogProps, "isOpen">) {
  const server = useQuery(serverOptions).data;
  const canMail = server?.password_reset_by_mail ?? config.passwordResetEmailEnabled;
  const [kind, setKind] = useState<"webhook" | "email">("webhook");
  const [target, setTarget] = useState("");
  const [when, setWhen] = useState("both");
  const [wanted, setWanted] = useState<readonly string[]>(kinds.map((one) => one.value));
  const mutation = useMutation({
    mutationFn: (body: NewDestination) => createDestination(body),
    onSuccess: (made) => {
      destinationsChanged();
      onCreated(made);
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate({
      kind,
      ...(kind === "webhook" ? { url: target.trim() } : { address: target.trim() }),
      ...(when !== "both" && { events: [when] }),
      ...(wanted.length < kinds.length && { alertKinds: [...wanted] }),
    });
  }
  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <ChoiceField
          label="How it is told"
          name="kind"
          value={kind}
          onChange={(value) => {
            setKind(value);
            setTarget("");
          }}
          options={[
            { value: "webhook", label: "Webhook", text: "A signed request to a URL, tried again for a day until it arrives." },
            { value: "email", label: "Mail", text: canMail ? "A mail to an address." : "This server sends no mail: SMTP is not set up." },
          ]}
        />
        {kind === "webhook" ? (
          <Field label="URL" name="url" type="url" value={target} onChange={(event) => setTarget(event.target.value)} required autoFocus autoComplete="off" spellCheck={false} maxLength={2048} placeholder="https://" />
        ) : (
          <Field label="E-mail" name="address" type="email" value={target} onChange={(event) => setTarget(event.target.value)} required autoFocus autoComplete="off" spellCheck={false} />
        )}
        <SelectField label="When" value={when} onChange={(event) => setWhen(event.target.value)}>
          {whens.map((one) => (
            <option key={one.value} value={one.value}>
              {one.label}
            </option>
          ))}
        </SelectField>
        <fieldset className={styles["fields"]}>
          <legend>Of what</legend>
          {kinds.map((one) => (
            <CheckField
              key={one.value}
              label={one.label}
              hint={one.text}
              name={one.value}
              checked={wanted.includes(one.value)}
              onChange={(event) => setWanted(event.target.checked ? [...wanted, one.value] : wanted.filter((value) => value !== one.value))}
            />
          ))}
        </fieldset>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending} disabled={wanted.length === 0}>
            Add destination
          </Button>
        </DialogActions>
      </form>
    </>
  );
}

/** The signing secret, once. */
export function SigningSecretDialog({ made, onClose }: { readonly made: DestinationWithSecret | null; readonly onClose: () => void }) {
  return (
    <DialogBox title="Copy this secret now" isOpen={made !== null} isDismissable={false} onClose={onClose}>
      {made?.secret && (
        <>
          <p>
            Messages to this webhook are signed with it, in the form of Standard Webhooks. It is shown only this once.
            {made.previousSecretExpiresAt !== null && ` Until ${formatComplete(made.previousSecretExpiresAt)} they are signed with the one before, too.`}
          </p>
          <CodeBlock wrap code={made.secret} label="signing secret" />
        </>
      )}
      <DialogActions>
        <Button variant="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

interface DeedProps {
  readonly destination: Destination;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function RotateSecretDialog({ destination, isOpen, onClose, onRotated }: DeedProps & { readonly onRotated: (made: DestinationWithSecret) => void }) {
  const mutation = useMutation({
    mutationFn: () => rotateSecret(destination.id),
    onSuccess: (made) => {
      destinationsChanged();
      onRotated(made);
    },
  });
  return (
    <DialogBox
      title="Rotate the signing secret?"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>Messages are signed with both secrets for a day: give the new one to the receiver meanwhile.</p>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="primary" busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Rotate secret
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

export function RemoveDestinationDialog({ destination, isOpen, onClose, onRemoved }: DeedProps & { readonly onRemoved: () => void }) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: () => removeDestination(destination.id),
    onSuccess: () => {
      onRemoved();
      destinationRemoved();
      toast("The destination was removed.");
    },
  });
  return (
    <DialogBox
      title="Remove this destination?"
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>{targetOf(destination)} is told nothing more, not even what still waits to be told. The list of its deliveries goes with it.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep it
        </Button>
        <Button variant="danger" busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Remove destination
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
