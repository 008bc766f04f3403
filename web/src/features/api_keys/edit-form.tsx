import { useMutation, useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { assignableRole } from "@/features/auth/roles";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { useNow } from "@/lib/hooks";
import { ExpiryField, LimitFields, limitsOf, type LimitTexts, PermissionFields } from "./key-fields";
import styles from "./keys.module.css";
import { instantOf, sameExpiry } from "./lifetimes";
import { type Key, type KeyPatch, keysChanged, patchKey } from "./platform";
import { ProjectPicker } from "./project-picker";
import { allows, grantOf, presetOf, scopesOf } from "./scopes";

const typed = (limit: number | null | undefined) => (typeof limit === "number" ? String(limit) : "");

/** What can be changed about a key. Only what was changed is sent: what somebody else changes meanwhile stays. */
export function EditForm({ apiKey: key, onDone }: { readonly apiKey: Key; readonly onDone: () => void }) {
  const toast = useToast();
  const now = useNow();
  const admin = isAdmin(useQuery(viewerOptions).data);
  const role = assignableRole(key.role) ?? "VIEWER";
  const [name, setName] = useState(key.name);
  const [description, setDescription] = useState(key.description ?? "");
  const [expiry, setExpiry] = useState(sameExpiry);
  const [preset, setPreset] = useState(() => presetOf(key.scopes, role));
  const [scopes, setScopes] = useState<ReadonlySet<string>>(() => new Set(key.scopes ?? ["traces:read"]));
  const [granting, setGranting] = useState(false);
  const [projects, setProjects] = useState<readonly string[] | null | undefined>(undefined);
  const [limits, setLimits] = useState<LimitTexts | undefined>(undefined);
  const present = { plan: key.plan ?? "", ingestPerMinute: typed(key.limits.ingestPerMinute), apiPerMinute: typed(key.limits.apiPerMinute), concurrent: typed(key.limits.concurrent) };

  const mutation = useMutation({
    mutationFn: (patch: KeyPatch) => patchKey(key.id, patch),
    onSuccess: () => {
      keysChanged();
      onDone();
      toast(`${name.trim()} was changed.`);
    },
  });
  const granted = grantOf(preset, new Set([...scopes].filter((scope) => allows(role, scope))));
  const problem = granting && granted.scopes?.length === 0 ? "Choose at least one permission." : projects?.length === 0 ? "Choose at least one project." : null;

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    const expiresAt = instantOf(expiry, Date.now(), key.expiresAt);
    if (problem !== null || expiresAt === undefined) return;
    const text = description.trim();
    mutation.mutate({
      ...(name.trim() !== key.name && { name: name.trim() }),
      ...(text !== (key.description ?? "") && { description: text === "" ? null : text }),
      ...(expiry.choice !== "keep" && { expiresAt }),
      ...(granting && { scopes: scopesOf(granted) }),
      ...(projects !== undefined && { projects: projects === null ? null : [...projects] }),
      ...(limits !== undefined && { plan: limits.plan === "" ? null : limits.plan, limits: limitsOf(limits) }),
    });
  }

  return (
    <form onSubmit={submit} className={styles["form"]}>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} required autoFocus autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
      <Field label="Description" value={description} onChange={(event) => setDescription(event.target.value)} autoComplete="off" />
      <ExpiryField value={expiry} now={now} present={key.expiresAt} onChange={setExpiry} />
      <PermissionFields
        role={role}
        preset={preset}
        scopes={scopes}
        hint={key.kind === "system" ? "No more than its role allows." : "No more than the role of its owner allows."}
        onPreset={(next) => {
          setGranting(true);
          setPreset(next);
        }}
        onScopes={(next) => {
          setGranting(true);
          setScopes(next);
        }}
      />
      <ProjectPicker value={projects === undefined ? (key.projects?.map((project) => project.name) ?? null) : projects} onChange={setProjects} />
      {admin && <LimitFields value={limits ?? present} onChange={setLimits} />}
      {problem !== null && (
        <p className={styles["soft"]} role="status">
          {problem}
        </p>
      )}
      <div className={styles["buttons"]}>
        <Button onClick={onDone}>Discard</Button>
        <Button type="submit" variant="primary" busy={mutation.isPending} disabled={problem !== null}>
          Save changes
        </Button>
      </div>
    </form>
  );
}
