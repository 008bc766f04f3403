import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { ChoiceField, Field, SearchField } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import picker from "@/features/api_keys/keys.module.css";
import { projectsOptions } from "@/features/projects/queries";
import { createPolicy, deletePolicy, patchPolicy, type Policy } from "./queries";
import { cronInWords, cronProblem } from "./words";

interface PolicyDialogProps {
  /** The policy to change; `new` for one to be made; null while nothing is asked. */
  readonly policy: Policy | "new" | null;
  readonly isDefault: boolean;
  readonly onClose: () => void;
}

export function PolicyDialog({ policy, isDefault, onClose }: PolicyDialogProps) {
  return (
    <DialogBox title={policy === "new" ? "New policy" : "Change policy"} isOpen={policy !== null} isDismissable={false} onClose={onClose}>
      {policy !== null && <PolicyForm policy={policy === "new" ? null : policy} isDefault={isDefault} onClose={onClose} />}
    </DialogBox>
  );
}

const kinds = [
  { value: "days", label: "By age", text: "Traces that started within so many days." },
  { value: "count", label: "By number", text: "The latest so many traces of each project." },
  { value: "both", label: "By both", text: "What is within both bounds." },
] as const;

type Kind = (typeof kinds)[number]["value"];

function kindOf(policy: Policy | null): Kind {
  if (policy?.rule.__typename === "TraceRetentionRuleMaxCount") return "count";
  return policy?.rule.__typename === "TraceRetentionRuleMaxDaysOrCount" ? "both" : "days";
}

interface PolicyFormProps {
  readonly policy: Policy | null;
  readonly isDefault: boolean;
  readonly onClose: () => void;
}

function PolicyForm({ policy, isDefault, onClose }: PolicyFormProps) {
  const toast = useToast();
  const rule = policy?.rule;
  const before = policy?.projects.edges.map((edge) => edge.node) ?? [];
  const [name, setName] = useState(policy?.name ?? "");
  const [kind, setKind] = useState<Kind>(kindOf(policy));
  const [days, setDays] = useState(String(rule && "maxDays" in rule ? rule.maxDays : 30));
  const [count, setCount] = useState(String(rule && "maxCount" in rule ? rule.maxCount : 10_000));
  const [cron, setCron] = useState(policy?.cronExpression ?? "0 0 * * 0");
  const [projects, setProjects] = useState<ReadonlyMap<string, string>>(new Map(before.map((project) => [project.id, project.name])));
  const problem = cronProblem(cron);
  const mutation = useMutation({
    mutationFn: () => {
      const [maxDays, maxCount] = [Number(days), Number(count)];
      const wanted = kind === "days" ? { maxDays: { maxDays } } : kind === "count" ? { maxCount: { maxCount } } : { maxDaysOrCount: { maxDays, maxCount } };
      const added = [...projects.keys()].filter((id) => !before.some((project) => project.id === id));
      if (policy === null) return createPolicy({ name: name.trim(), cronExpression: cron.trim(), rule: wanted, addProjects: added });
      const removed = before.map((project) => project.id).filter((id) => !projects.has(id));
      return patchPolicy({
        id: policy.id,
        cronExpression: cron.trim(),
        rule: wanted,
        ...(!isDefault && { name: name.trim(), addProjects: added, removeProjects: removed }),
      });
    },
    onSuccess: () => {
      toast(policy === null ? "The policy was made." : "The policy was changed.");
      onClose();
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    if (problem === null) mutation.mutate();
  }
  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        {!isDefault && <Field label="Name" name="name" value={name} onChange={(event) => setName(event.target.value)} required autoFocus autoComplete="off" maxLength={255} />}
        <ChoiceField label="What is kept" name="kind" value={kind} options={kinds} onChange={setKind} />
        {kind !== "count" && <Field label="Days" name="days" type="number" min={0} step="any" value={days} onChange={(event) => setDays(event.target.value)} required hint="0 sets no bound." />}
        {kind !== "days" && <Field label="Traces" name="count" type="number" min={0} max={2_147_483_647} step={1} value={count} onChange={(event) => setCount(event.target.value)} required hint="0 sets no bound." />}
        <Field
          label="When it is carried out"
          name="cron"
          value={cron}
          onChange={(event) => setCron(event.target.value)}
          required
          autoComplete="off"
          spellCheck={false}
          error={problem}
          hint={problem === null ? `${cronInWords(cron)}. In UTC, as 0 HOUR * * WEEKDAY; Sunday is 0.` : undefined}
        />
        {!isDefault && <Projects value={projects} onChange={setProjects} />}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending}>
            {policy === null ? "Make policy" : "Save"}
          </Button>
        </DialogActions>
      </form>
    </>
  );
}

interface ProjectsProps {
  readonly value: ReadonlyMap<string, string>;
  readonly onChange: (value: ReadonlyMap<string, string>) => void;
}

function Projects({ value, onChange }: ProjectsProps) {
  const [search, setSearch] = useState("");
  const query = useInfiniteQuery(projectsOptions(search.trim()));
  const found = query.data?.pages.flatMap((page) => page.projects.edges.map((edge) => edge.node)) ?? [];
  // What was chosen stays in sight, whatever is looked for.
  const shown = new Map([...value, ...found.map((project) => [project.id, project.name] as const)]);
  return (
    <div className={picker["picker"]} role="group" aria-label="Projects of the policy">
      <SearchField label="Search projects" value={search} onChange={setSearch} />
      <ul>
        {[...shown].map(([id, name]) => (
          <li key={id}>
            <label>
              <input
                type="checkbox"
                checked={value.has(id)}
                onChange={(event) => {
                  const next = new Map(value);
                  if (event.target.checked) next.set(id, name);
                  else next.delete(id);
                  onChange(next);
                }}
              />
              <span>{name}</span>
            </label>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface DeleteDialogProps {
  readonly policy: Policy | null;
  readonly onClose: () => void;
}

export function DeletePolicyDialog({ policy, onClose }: DeleteDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: deletePolicy,
    onSuccess: () => {
      toast("The policy was deleted.");
      onClose();
    },
  });
  return (
    <DialogBox
      title={`Delete ${policy?.name ?? "the policy"}?`}
      role="alertdialog"
      isOpen={policy !== null}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>Its projects come under the default policy. What was removed stays removed.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Keep it
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            if (policy) mutation.mutate(policy.id);
          }}
        >
          Delete policy
        </Button>
      </DialogActions>
    </DialogBox>
  );
}
