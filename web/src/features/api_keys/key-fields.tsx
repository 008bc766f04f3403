import { ChoiceField, Field, SelectField } from "@/components/field";
import type { AssignableRole } from "@/features/auth/roles";
import { formatComplete, formatDay } from "@/lib/format";
import styles from "./keys.module.css";
import { type Expiry, firstDay, instantOf, lifetimes } from "./lifetimes";
import { adminScope, allows, type PresetName, presetsFor, resources, type ScopeText } from "./scopes";

interface ExpiryFieldProps {
  readonly value: Expiry;
  readonly now: number;
  /** Until when the key works today; not given for a new one. */
  readonly present?: string | null;
  readonly onChange: (value: Expiry) => void;
}

/** Until when a key works: one of a few lifetimes, or a day. */
export function ExpiryField({ value, now, present, onChange }: ExpiryFieldProps) {
  const expiry = instantOf(value, now, present ?? null);
  const hint =
    expiry === undefined
      ? "Choose a day that is still to come."
      : expiry === null
        ? "It works until somebody revokes it. Prefer a key that ends by itself."
        : `It is refused from ${value.choice === "day" ? formatComplete(expiry).replace(/:\d\d\.\d+/, "") : formatDay(expiry)} on.`;
  return (
    <div className={styles["stack"]}>
      <SelectField label={present === undefined ? "Lifetime" : "Expires"} name="lifetime" value={value.choice} hint={hint} onChange={(event) => onChange({ ...value, choice: event.target.value as Expiry["choice"] })}>
        {present !== undefined && <option value="keep">{present === null ? "Never, as it is" : `${formatDay(present)}, as it is`}</option>}
        {lifetimes.map(({ days, label }) => (
          <option key={days} value={days}>
            {present !== undefined && days > 0 ? `${label} from now` : label}
          </option>
        ))}
        <option value="day">On a day…</option>
      </SelectField>
      {value.choice === "day" && <Field label="Day" type="date" name="day" value={value.day} min={firstDay(now)} max="9999-12-30" required onChange={(event) => onChange({ ...value, day: event.target.value })} />}
    </div>
  );
}

interface PermissionFieldsProps {
  readonly role: AssignableRole;
  readonly preset: PresetName;
  readonly scopes: ReadonlySet<string>;
  readonly hint?: string | undefined;
  readonly onPreset: (preset: PresetName) => void;
  readonly onScopes: (scopes: ReadonlySet<string>) => void;
}

/** What a key may do: one of the presets, or each permission by itself. */
export function PermissionFields({ role, preset, scopes, hint, onPreset, onScopes }: PermissionFieldsProps) {
  return (
    <>
      <ChoiceField label="Permissions" name="preset" value={preset} options={presetsFor(role)} onChange={onPreset} hint={hint} />
      {preset === "custom" && <ScopeTable role={role} chosen={scopes} onChange={onScopes} />}
    </>
  );
}

const plans = [
  { value: "", label: "That of the server" },
  { value: "free", label: "Free" },
  { value: "pro", label: "Pro" },
  { value: "enterprise", label: "Enterprise" },
];

export interface LimitTexts {
  readonly plan: string;
  readonly ingestPerMinute: string;
  readonly apiPerMinute: string;
  readonly concurrent: string;
}

export const noLimits: LimitTexts = { plan: "", ingestPerMinute: "", apiPerMinute: "", concurrent: "" };

/** The limits that were typed, without those that were not. */
export function limitsOf(texts: LimitTexts): { ingestPerMinute?: number; apiPerMinute?: number; concurrent?: number } {
  const { ingestPerMinute, apiPerMinute, concurrent } = texts;
  return {
    ...(ingestPerMinute !== "" && { ingestPerMinute: Number(ingestPerMinute) }),
    ...(apiPerMinute !== "" && { apiPerMinute: Number(apiPerMinute) }),
    ...(concurrent !== "" && { concurrent: Number(concurrent) }),
  };
}

/** Plan and limits, which administrators set. */
export function LimitFields({ value, onChange }: { readonly value: LimitTexts; readonly onChange: (value: LimitTexts) => void }) {
  return (
    <details>
      <summary>Plan and limits</summary>
      <div className={styles["form"]}>
        <SelectField label="Plan" name="plan" value={value.plan} onChange={(event) => onChange({ ...value, plan: event.target.value })} hint="How much it may do in a minute, as far as no limit of its own says otherwise.">
          {plans.map((one) => (
            <option key={one.value} value={one.value}>
              {one.label}
            </option>
          ))}
        </SelectField>
        <div className={styles["pair"]}>
          <Limit label="Trace requests a minute" value={value.ingestPerMinute} onChange={(next) => onChange({ ...value, ingestPerMinute: next })} />
          <Limit label="Other requests a minute" value={value.apiPerMinute} onChange={(next) => onChange({ ...value, apiPerMinute: next })} />
          <Limit label="Requests at once" value={value.concurrent} onChange={(next) => onChange({ ...value, concurrent: next })} />
        </div>
      </div>
    </details>
  );
}

function Limit({ label, value, onChange }: { readonly label: string; readonly value: string; readonly onChange: (value: string) => void }) {
  return <Field label={label} type="number" inputMode="numeric" min={1} max={4_294_967_295} step={1} value={value} placeholder="As the plan" onChange={(event) => onChange(event.target.value)} />;
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
