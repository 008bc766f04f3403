import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Field, SelectField } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { serverOrigin } from "@/config";
import { Snippets } from "@/features/onboarding/onboarding";
import { formatDay } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { defaultLifetime, expiryOf, lifetimes } from "./lifetimes";
import type { ApiKey, NewApiKey } from "./queries";

function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}

interface CreateKeyDialogProps {
  readonly title: string;
  /** What the key may do, said before it is made. */
  readonly intro?: ReactNode;
  readonly isOpen: boolean;
  readonly create: (input: NewApiKey) => Promise<string>;
  readonly onCreated: (key: string) => void;
  readonly onClose: () => void;
}

export function CreateKeyDialog({ title, intro, isOpen, create, onCreated, onClose }: CreateKeyDialogProps) {
  const now = useNow();
  const [days, setDays] = useState(defaultLifetime);
  const mutation = useMutation({
    mutationFn: create,
    onSuccess: (key) => {
      setDays(defaultLifetime);
      onCreated(key);
    },
  });
  const close = () => {
    mutation.reset();
    onClose();
  };

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const description = textOf(data, "description");
    mutation.mutate({
      name: textOf(data, "name"),
      description: description === "" ? null : description,
      expiresAt: expiryOf(days, Date.now()),
    });
  }

  const expiry = expiryOf(days, now);
  return (
    <DialogBox title={title} isOpen={isOpen} onClose={close}>
      {intro && <p>{intro}</p>}
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="name" placeholder="checkout-service" required autoFocus autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="Description" name="description" placeholder="Optional" autoComplete="off" />
        <SelectField
          label="Lifetime"
          name="days"
          value={days}
          onChange={(event) => {
            setDays(Number(event.target.value));
          }}
          hint={expiry === null ? "It works until somebody revokes it. Prefer a key that ends by itself." : `It is refused from ${formatDay(expiry)} on.`}
        >
          {lifetimes.map((lifetime) => (
            <option key={lifetime.days} value={lifetime.days}>
              {lifetime.label}
            </option>
          ))}
        </SelectField>
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending}>
            Create key
          </Button>
        </DialogActions>
      </form>
    </DialogBox>
  );
}

interface KeyShownOnceProps {
  readonly value: string | null;
  readonly readsOnly?: boolean;
  readonly onClose: () => void;
}

export function KeyShownOnce({ value, readsOnly = false, onClose }: KeyShownOnceProps) {
  const apiKey = value ?? "";
  return (
    <DialogBox title="Copy this key now" size="wide" isOpen={value !== null} isDismissable={false} onClose={onClose}>
      <p>It is shown only this once. Whoever has it can act as this key until it is revoked.</p>
      <CodeBlock wrap code={apiKey} label="key" />
      <p>As environment of a service:</p>
      <CodeBlock wrap code={`PHOENIX_COLLECTOR_ENDPOINT=${serverOrigin()}\nPHOENIX_API_KEY=${apiKey}`} label="environment" />
      {readsOnly ? (
        <>
          <p>As a viewer you have a key that reads. Try it:</p>
          <CodeBlock wrap code={`curl --fail-with-body "${serverOrigin()}/v1/projects" \\\n  -H "authorization: Bearer ${apiKey}"`} label="curl" />
        </>
      ) : (
        <details>
          <summary>Send a first trace with it</summary>
          <Snippets project="default" apiKey={apiKey} />
        </details>
      )}
      <DialogActions>
        <Button variant="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

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
