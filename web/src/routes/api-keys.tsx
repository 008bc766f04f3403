import { useMutation, useQuery } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useSearchParams } from "react-router";
import { ApiError, asApiError } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { Button, IconButton } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Field, SelectField } from "@/components/field";
import { Page } from "@/components/page";
import { FailureState, Notice, SkeletonRows, State } from "@/components/states";
import { useToast } from "@/components/toast";
import { config, serverOrigin } from "@/config";
import { createSystemApiKey, type NewSystemApiKey, revokeSystemApiKey, type SystemApiKey, systemApiKeysOptions } from "@/features/api_keys/queries";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { formatComplete, formatDay, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./api-keys.module.css";

export function Component() {
  const viewer = useQuery(viewerOptions);
  const allowed = isAdmin(viewer.data);
  const query = useQuery({ ...systemApiKeysOptions, enabled: allowed });
  const [params, setParams] = useSearchParams();
  const creating = params.get("create") === "1";
  const [shown, setShown] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<SystemApiKey | null>(null);
  const now = useNow();

  const setCreating = (open: boolean) => {
    setParams(open ? { create: "1" } : {}, { replace: true });
  };

  const create = (
    <Button
      variant="primary"
      icon={Plus}
      onClick={() => {
        setCreating(true);
      }}
    >
      New key
    </Button>
  );

  return (
    <Page title="API keys" actions={allowed && query.isSuccess && query.data.length > 0 && create}>
      {!allowed ? (
        <FailureState
          error={
            new ApiError("forbidden", config.authenticationEnabled ? "System keys are managed by administrators." : "Keys exist only on servers with authentication turned on.")
          }
        />
      ) : query.isPending ? (
        <SkeletonRows rows={5} label="Loading keys" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <State icon={KeyRound} title="No system keys yet" actions={create}>
          A system key belongs to no person. Give one to each service that sends or reads traces.
        </State>
      ) : (
        <div className={styles["scroll"]}>
          <table className={styles["table"]}>
            <caption className="visually-hidden">System API keys</caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col" className={styles["wide"]}>
                  Description
                </th>
                <th scope="col">Created</th>
                <th scope="col">Expires</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {query.data.map((key) => {
                const expired = key.expiresAt !== null && Date.parse(key.expiresAt) <= now;
                return (
                  <tr key={key.id}>
                    <th scope="row">{key.name}</th>
                    <td className={styles["wide"]}>{key.description}</td>
                    <td title={formatComplete(key.createdAt)}>{formatRelative(key.createdAt, now)}</td>
                    <td title={key.expiresAt ? formatComplete(key.expiresAt) : undefined} className={expired ? styles["expired"] : undefined}>
                      {key.expiresAt === null ? "never" : expired ? "expired" : formatDay(key.expiresAt)}
                    </td>
                    <td>
                      <IconButton
                        icon={Trash2}
                        label={`Revoke ${key.name}`}
                        onClick={() => {
                          setRevoking(key);
                        }}
                      />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <CreateDialog
        isOpen={creating && allowed}
        onClose={() => {
          setCreating(false);
        }}
        onCreated={(key) => {
          setCreating(false);
          setShown(key);
        }}
      />
      <ShownOnce
        value={shown}
        onClose={() => {
          setShown(null);
        }}
      />
      <RevokeDialog
        target={revoking}
        onClose={() => {
          setRevoking(null);
        }}
      />
    </Page>
  );
}

function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}

const lifetimes = [
  { days: 30, label: "30 days" },
  { days: 90, label: "90 days" },
  { days: 365, label: "1 year" },
  { days: 0, label: "Never expires" },
];

function CreateDialog({ isOpen, onClose, onCreated }: { readonly isOpen: boolean; readonly onClose: () => void; readonly onCreated: (key: string) => void }) {
  const mutation = useMutation({
    mutationFn: (input: NewSystemApiKey) => createSystemApiKey(input),
    onSuccess: (key) => {
      void queryClient.invalidateQueries(systemApiKeysOptions);
      onCreated(key);
    },
  });

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const days = Number(data.get("days"));
    const description = textOf(data, "description");
    mutation.mutate({
      name: textOf(data, "name"),
      description: description === "" ? null : description,
      expiresAt: days > 0 ? new Date(Date.now() + days * 86_400_000).toISOString() : null,
    });
  }

  return (
    <DialogBox
      title="New system key"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="name" placeholder="checkout-service" required autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="Description" name="description" placeholder="Optional" autoComplete="off" />
        <SelectField label="Lifetime" name="days" defaultValue="90">
          {lifetimes.map((lifetime) => (
            <option key={lifetime.days} value={lifetime.days}>
              {lifetime.label}
            </option>
          ))}
        </SelectField>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending}>
            Create key
          </Button>
        </DialogActions>
      </form>
    </DialogBox>
  );
}

function ShownOnce({ value, onClose }: { readonly value: string | null; readonly onClose: () => void }) {
  return (
    <DialogBox title="Copy this key now" isOpen={value !== null} isDismissable={false} onClose={onClose}>
      <p>It is shown only this once. Whoever has it can act as this key until it is revoked.</p>
      <CodeBlock wrap code={value ?? ""} label="key" />
      <p className={styles["soft"]}>As environment of a service:</p>
      <CodeBlock wrap code={`PHOENIX_COLLECTOR_ENDPOINT=${serverOrigin()}\nPHOENIX_API_KEY=${value ?? ""}`} label="environment" />
      <DialogActions>
        <Button variant="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

function RevokeDialog({ target, onClose }: { readonly target: SystemApiKey | null; readonly onClose: () => void }) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: (key: SystemApiKey) => revokeSystemApiKey(key.id),
    onSuccess: (_, key) => {
      queryClient.setQueryData(systemApiKeysOptions.queryKey, (keys) => keys?.filter((one) => one.id !== key.id));
      void queryClient.invalidateQueries(systemApiKeysOptions);
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
