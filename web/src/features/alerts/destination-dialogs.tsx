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
import {
  createDestination,
  type Destination,
  type DestinationPatch,
  destinationRemoved,
  destinationsChanged,
  type DestinationWithSecret,
  type NewDestination,
  patchDestination,
  removeDestination,
  rotateSecret,
} from "./queries";
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

/** What a destination is told of; null is everything. */
interface Wishes {
  readonly events: readonly string[] | null;
  readonly alertKinds: readonly string[] | null;
}

function useWishes(given: Wishes) {
  const [when, setWhen] = useState(given.events?.length === 1 ? (given.events[0] ?? "both") : "both");
  const [wanted, setWanted] = useState<readonly string[]>(given.alertKinds ?? kinds.map((one) => one.value));
  const wishes: Wishes = { events: when === "both" ? null : [when], alertKinds: wanted.length < kinds.length ? wanted : null };
  const fields = (
    <>
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
    </>
  );
  return { wishes, fields, isEmpty: wanted.length === 0 };
}

interface TargetFieldProps {
  readonly kind: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function TargetField({ kind, value, onChange }: TargetFieldProps) {
  return kind === "webhook" ? (
    <Field label="URL" name="url" type="url" value={value} onChange={(event) => onChange(event.target.value)} required autoFocus autoComplete="off" spellCheck={false} maxLength={2048} placeholder="https://" />
  ) : (
    <Field label="E-mail" name="address" type="email" value={value} onChange={(event) => onChange(event.target.value)} required autoFocus autoComplete="off" spellCheck={false} />
  );
}

const at = (kind: string, target: string) => (kind === "webhook" ? { url: target.trim() } : { address: target.trim() });
const copied = ({ events, alertKinds }: Wishes) => ({ events: events && [...events], alertKinds: alertKinds && [...alertKinds] });

function CreateForm({ onCreated, onClose }: Omit<CreateDialogProps, "isOpen">) {
  const server = useQuery(serverOptions).data;
  const canMail = server?.password_reset_by_mail ?? config.passwordResetEmailEnabled;
  const [kind, setKind] = useState<"webhook" | "email">("webhook");
  const [target, setTarget] = useState("");
  const { wishes, fields, isEmpty } = useWishes({ events: null, alertKinds: null });
  const mutation = useMutation({
    mutationFn: (body: NewDestination) => createDestination(body),
    onSuccess: (made) => {
      destinationsChanged();
      onCreated(made);
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate({ kind, ...at(kind, target), ...copied(wishes) });
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
        <TargetField kind={kind} value={target} onChange={setTarget} />
        {fields}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending} disabled={isEmpty}>
            Add destination
          </Button>
        </DialogActions>
      </form>
    </>
  );
}

export function EditDestinationDialog({ destination, isOpen, onClose }: DeedProps) {
  return (
    <DialogBox title="Edit destination" isOpen={isOpen} isDismissable={false} onClose={onClose}>
      <EditForm destination={destination} onClose={onClose} />
    </DialogBox>
  );
}

function EditForm({ destination, onClose }: Omit<DeedProps, "isOpen">) {
  const toast = useToast();
  const [target, setTarget] = useState(targetOf(destination));
  const { wishes, fields, isEmpty } = useWishes(destination);
  const mutation = useMutation({
    mutationFn: (body: DestinationPatch) => patchDestination(destination.id, body),
    onSuccess: () => {
      destinationsChanged();
      toast("The destination was changed.");
      onClose();
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate({ ...(target.trim() !== targetOf(destination) && at(destination.kind, target)), ...copied(wishes) });
  }
  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <TargetField kind={destination.kind} value={target} onChange={setTarget} />
        {fields}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending} disabled={isEmpty}>
            Save
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
