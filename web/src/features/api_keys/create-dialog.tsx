import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Field, SelectField } from "@/components/field";
import { Segmented } from "@/components/segmented";
import { Notice } from "@/components/states";
import { type AssignableRole, roles } from "@/features/auth/roles";
import { useNow } from "@/lib/hooks";
import { ExpiryField, LimitFields, limitsOf, noLimits, PermissionFields } from "./key-fields";
import styles from "./keys.module.css";
import { instantOf, newExpiry } from "./lifetimes";
import { createKey, type KeyWithSecret, type NewKey } from "./platform";
import { ProjectPicker } from "./project-picker";
import { allows, grantOf, type PresetName, presetsFor } from "./scopes";

interface CreateDialogProps {
  readonly kind: "user" | "system";
  /** The role of whoever makes it. */
  readonly makerRole: AssignableRole;
  readonly isOpen: boolean;
  readonly onCreated: (key: KeyWithSecret) => void;
  readonly onClose: () => void;
}

export function CreateDialog(props: CreateDialogProps) {
  return (
    <DialogBox title={props.kind === "system" ? "New system key" : "New key of your own"} size="wide" isOpen={props.isOpen} onClose={props.onClose}>
      <Form {...props} />
    </DialogBox>
  );
}

function Form({ kind, makerRole: own, onCreated, onClose }: CreateDialogProps) {
  const now = useNow();
  const isSystem = kind === "system";
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [expiry, setExpiry] = useState(newExpiry);
  const [chosenRole, setRole] = useState<AssignableRole>("MEMBER");
  const role = isSystem ? chosenRole : own;
  const [wantedPreset, setPreset] = useState<PresetName>(own === "VIEWER" ? "read-only" : "ingest");
  const presets = presetsFor(role);
  const preset = presets.some((one) => one.value === wantedPreset) ? wantedPreset : "read-only";
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set(["traces:read"]));
  const [projects, setProjects] = useState<readonly string[] | null>(null);
  const [environment, setEnvironment] = useState<"live" | "test">("live");
  const [limits, setLimits] = useState(noLimits);

  const mutation = useMutation({ mutationFn: (body: NewKey) => createKey(body), onSuccess: onCreated });
  const granted = grantOf(preset, new Set([...scopes].filter((scope) => allows(role, scope))));
  const problem = granted.scopes?.length === 0 ? "Choose at least one permission." : projects?.length === 0 ? "Choose at least one project." : null;

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    const expiresAt = instantOf(expiry, Date.now(), null);
    if (problem !== null || expiresAt === undefined) return;
    const ownLimits = limitsOf(limits);
    mutation.mutate({
      name: name.trim(),
      kind,
      ...(description.trim() !== "" && { description: description.trim() }),
      ...(expiresAt !== null && { expiresAt }),
      ...granted,
      ...(projects !== null && { projects: [...projects] }),
      ...(isSystem ? { role } : { environment }),
      ...(limits.plan !== "" && { plan: limits.plan }),
      ...(Object.keys(ownLimits).length > 0 && { limits: ownLimits }),
    });
  }

  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="name" value={name} onChange={(event) => setName(event.target.value)} placeholder={isSystem ? "checkout-service" : "notebook"} required autoFocus autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="Description" name="description" value={description} onChange={(event) => setDescription(event.target.value)} placeholder="Optional" autoComplete="off" />
        <div className={styles["pair"]}>
          <ExpiryField value={expiry} now={now} onChange={setExpiry} />
          {isSystem ? (
            <SelectField label="Role" name="role" value={role} onChange={(event) => setRole(event.target.value as AssignableRole)} hint="The most that its permissions can reach.">
              {roles.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.label}
                </option>
              ))}
            </SelectField>
          ) : (
            <div className={styles["stack"]}>
              <span className={styles["legend"]}>Environment</span>
              <Segmented
                label="Environment"
                value={environment}
                options={[
                  { value: "live", label: "Live" },
                  { value: "test", label: "Test" },
                ]}
                onChange={setEnvironment}
              />
              <span className={styles["sub"]}>
                It begins with <code>px_{environment}_</code>, so that nobody mistakes one for the other.
              </span>
            </div>
          )}
        </div>
        <PermissionFields
          role={role}
          preset={preset}
          scopes={scopes}
          hint={own === "VIEWER" && !isSystem ? "As a viewer you read, and so do your keys." : undefined}
          onPreset={setPreset}
          onScopes={setScopes}
        />
        <ProjectPicker value={projects} onChange={setProjects} />
        {own === "ADMIN" && <LimitFields value={limits} onChange={setLimits} />}
        {problem !== null && (
          <p className={styles["soft"]} role="status">
            {problem}
          </p>
        )}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending} disabled={problem !== null}>
            Create key
          </Button>
        </DialogActions>
      </form>
    </>
  );
}
