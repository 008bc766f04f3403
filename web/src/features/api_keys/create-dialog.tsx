import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { ChoiceField, Field, SelectField } from "@/components/field";
import { Segmented } from "@/components/segmented";
import { Notice } from "@/components/states";
import { type AssignableRole, roles } from "@/features/auth/roles";
import { formatDay } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./keys.module.css";
import { defaultLifetime, expiryOf, lifetimes } from "./lifetimes";
import { createKey, type KeyWithSecret, type NewKey } from "./platform";
import { ProjectPicker } from "./project-picker";
import { adminScope, allows, grantOf, type PresetName, presetsFor, resources, type ScopeText } from "./scopes";

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

const plans = [
  { value: "", label: "That of the server" },
  { value: "free", label: "Free" },
  { value: "pro", label: "Pro" },
  { value: "enterprise", label: "Enterprise" },
];

const noLimits = { ingestPerMinute: "", apiPerMinute: "", concurrent: "" };

function Form({ kind, makerRole: own, onCreated, onClose }: CreateDialogProps) {
  const now = useNow();
  const isSystem = kind === "system";
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [days, setDays] = useState(defaultLifetime);
  const [chosenRole, setRole] = useState<AssignableRole>("MEMBER");
  const role = isSystem ? chosenRole : own;
  const [wantedPreset, setPreset] = useState<PresetName>(own === "VIEWER" ? "read-only" : "ingest");
  const presets = presetsFor(role);
  const preset = presets.some((one) => one.value === wantedPreset) ? wantedPreset : "read-only";
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set(["traces:read"]));
  const [projects, setProjects] = useState<readonly string[] | null>(null);
  const [environment, setEnvironment] = useState<"live" | "test">("live");
  const [plan, setPlan] = useState("");
  const [limits, setLimits] = useState(noLimits);

  const mutation = useMutation({ mutationFn: (body: NewKey) => createKey(body), onSuccess: onCreated });
  const granted = grantOf(preset, new Set([...scopes].filter((scope) => allows(role, scope))));
  const problem = granted.scopes?.length === 0 ? "Choose at least one permission." : projects?.length === 0 ? "Choose at least one project." : null;

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    if (problem !== null) return;
    const limit = (text: string) => (text === "" ? undefined : Number(text));
    const own = { ingestPerMinute: limit(limits.ingestPerMinute), apiPerMinute: limit(limits.apiPerMinute), concurrent: limit(limits.concurrent) };
    mutation.mutate({
      name: name.trim(),
      kind,
      ...(description.trim() !== "" && { description: description.trim() }),
      ...(days > 0 && { expiresAt: expiryOf(days, Date.now()) }),
      ...granted,
      ...(projects !== null && { projects: [...projects] }),
      ...(isSystem ? { role } : { environment }),
      ...(plan !== "" && { plan }),
      ...(Object.values(own).some((value) => value !== undefined) && { limits: Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) }),
    });
  }

  const expiry = expiryOf(days, now);
  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="name" value={name} onChange={(event) => setName(event.target.value)} placeholder={isSystem ? "checkout-service" : "notebook"} required autoFocus autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="Description" name="description" value={description} onChange={(event) => setDescription(event.target.value)} placeholder="Optional" autoComplete="off" />
        <div className={styles["pair"]}>
          <SelectField
            label="Lifetime"
            name="days"
            value={days}
            onChange={(event) => setDays(Number(event.target.value))}
            hint={expiry === null ? "It works until somebody revokes it. Prefer a key that ends by itself." : `It is refused from ${formatDay(expiry)} on.`}
          >
            {lifetimes.map((lifetime) => (
              <option key={lifetime.days} value={lifetime.days}>
                {lifetime.label}
              </option>
            ))}
          </SelectField>
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
        <ChoiceField label="Permissions" name="preset" value={preset} options={presets} onChange={setPreset} hint={own === "VIEWER" && !isSystem && "As a viewer you read, and so do your keys."} />
        {preset === "custom" && <ScopeTable role={role} chosen={scopes} onChange={setScopes} />}
        <ProjectPicker value={projects} onChange={setProjects} />
        {own === "ADMIN" && (
          <details>
            <summary>Plan and limits</summary>
            <div className={styles["form"]}>
              <SelectField label="Plan" name="plan" value={plan} onChange={(event) => setPlan(event.target.value)} hint="How much it may do in a minute, as far as no limit of its own says otherwise.">
                {plans.map((one) => (
                  <option key={one.value} value={one.value}>
                    {one.label}
                  </option>
                ))}
              </SelectField>
              <div className={styles["pair"]}>
                <Limit label="Trace requests a minute" value={limits.ingestPerMinute} onChange={(next) => setLimits({ ...limits, ingestPerMinute: next })} />
                <Limit label="Other requests a minute" value={limits.apiPerMinute} onChange={(next) => setLimits({ ...limits, apiPerMinute: next })} />
                <Limit label="Requests at once" value={limits.concurrent} onChange={(next) => setLimits({ ...limits, concurrent: next })} />
              </div>
            </div>
          </details>
        )}
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

function Limit({ label, value, onChange }: { readonly label: string; readonly value: string; readonly onChange: (value: string) => void }) {
  return <Field label={label} type="number" inputMode="numeric" min={1} step={1} value={value} placeholder="As the plan" onChange={(event) => onChange(event.target.value)} />;
}

interface ScopeTableProps {
  readonly role: AssignableRole;
  readonly chosen: ReadonlySet<string>;
  readonly onChange: (chosen: ReadonlySet<string>) => void;
}

function ScopeTable({ role, chosen, onChange }: ScopeTableProps) {
  const box = ({ scope, text }: ScopeText) => (
    <input
      type="checkbox"
      aria-label={text}
      title={allows(role, scope) ? `${text} (${scope})` : "The role does not reach so far"}
      disabled={!allows(role, scope)}
      checked={chosen.has(scope) && allows(role, scope)}
      onChange={(event) => {
        const next = new Set(chosen);
        if (event.target.checked) next.add(scope);
        else next.delete(scope);
        onChange(next);
      }}
    />
  );
  return (
    <table className={styles["scopes"]} aria-label="Chosen permissions">
      <thead>
        <tr>
          <th scope="col">May use</th>
          <th scope="col">Read</th>
          <th scope="col">Write</th>
        </tr>
      </thead>
      <tbody>
        {resources.map(({ name, read, write }) => (
          <tr key={name}>
            <th scope="row">
              {name}
              <span className={styles["sub"]}>{write.text}.</span>
            </th>
            <td>{box(read)}</td>
            <td>{box(write)}</td>
          </tr>
        ))}
        {role === "ADMIN" && (
          <tr>
            <th scope="row" colSpan={2}>
              Admin
              <span className={styles["sub"]}>{adminScope.text}.</span>
            </th>
            <td>{box(adminScope)}</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
