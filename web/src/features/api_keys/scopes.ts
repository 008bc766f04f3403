import type { AssignableRole } from "@/features/auth/roles";

export interface ScopeText {
  readonly scope: string;
  /** What it allows, in plain words that follow "may". */
  readonly text: string;
}

interface Resource {
  readonly name: string;
  readonly read: ScopeText;
  readonly write: ScopeText;
}

const resource = (id: string, name: string, read: string, write: string): Resource => ({
  name,
  read: { scope: `${id}:read`, text: read },
  write: { scope: `${id}:write`, text: write },
});

export const resources: readonly Resource[] = [
  resource("traces", "Traces", "Read traces, spans, sessions and annotations", "Send traces, and annotate them"),
  resource("projects", "Projects", "List projects and read about them", "Create and change projects"),
  resource("datasets", "Datasets", "Read datasets and examples", "Create and change datasets"),
  resource("experiments", "Experiments", "Read results of experiments", "Run experiments and evaluations"),
  resource("prompts", "Prompts", "Read prompts", "Create and change prompts"),
];

export const adminScope: ScopeText = { scope: "admin", text: "Everything, users, keys and settings included" };

const reads = resources.map((one) => one.read.scope);
const writes = resources.map((one) => one.write.scope);

export type PresetName = "role" | "ingest" | "read-only" | "read-write" | "admin" | "custom";

interface Preset {
  readonly value: PresetName;
  readonly label: string;
  readonly text: string;
}

const presets: readonly Preset[] = [
  { value: "ingest", label: "Send traces", text: "What an instrumented application needs, and nothing else." },
  { value: "read-only", label: "Read only", text: "Reads everything that is observed, changes nothing." },
  { value: "read-write", label: "Read and write", text: "Reads and changes all but users, keys and settings." },
  { value: "admin", label: "Admin", text: "Everything, users, keys and settings included. For automation that you trust." },
  { value: "role", label: "Whatever the role allows", text: "Follows the role, also when it changes." },
  { value: "custom", label: "Choose each", text: "Only what you tick." },
];

/** A key never reaches further than the role behind it: only what can be had is offered. */
export function presetsFor(role: AssignableRole): readonly Preset[] {
  switch (role) {
    case "ADMIN":
      return presets;
    case "MEMBER":
      return presets.filter((preset) => preset.value !== "admin");
    case "VIEWER":
      return presets.filter((preset) => ["read-only", "role", "custom"].includes(preset.value));
  }
}

/** Whether a role can give that scope away. */
export function allows(role: AssignableRole, scope: string): boolean {
  if (role === "ADMIN") return true;
  return scope !== adminScope.scope && (role === "MEMBER" || scope.endsWith(":read"));
}

/** What is sent for a choice: the server knows three presets by name. */
export function grantOf(preset: PresetName, chosen: ReadonlySet<string>): { readonly preset?: string; readonly scopes?: string[] } {
  switch (preset) {
    case "role":
      return {};
    case "ingest":
      return { scopes: ["traces:write"] };
    case "custom":
      return { scopes: [...reads, ...writes, adminScope.scope].filter((scope) => chosen.has(scope)) };
    default:
      return { preset };
  }
}

/** The scopes that a choice comes to, for a server that is told them one by one; null is whatever the role allows. */
export function scopesOf({ preset, scopes }: ReturnType<typeof grantOf>): string[] | null {
  if (scopes !== undefined) return scopes;
  switch (preset) {
    case "read-only":
      return [...reads];
    case "read-write":
      return [...reads, ...writes];
    case "admin":
      return [adminScope.scope];
    default:
      return null;
  }
}

/** The choice that stands for what a key may do today. */
export function presetOf(scopes: readonly string[] | null, role: AssignableRole): PresetName {
  const found: PresetName =
    scopes === null
      ? "role"
      : scopes.includes(adminScope.scope)
        ? "admin"
        : same(scopes, ["traces:write"])
          ? "ingest"
          : same(scopes, reads)
            ? "read-only"
            : same(scopes, [...reads, ...writes])
              ? "read-write"
              : "custom";
  return presetsFor(role).some((preset) => preset.value === found) ? found : "custom";
}

const known: readonly ScopeText[] = [...resources.flatMap((one) => [one.read, one.write]), adminScope];

export function scopeText(scope: string): string {
  return known.find((one) => one.scope === scope)?.text ?? scope;
}

const same = (scopes: readonly string[], all: readonly string[]) => scopes.length === all.length && all.every((scope) => scopes.includes(scope));

/** What a key may do, in a few words for a list. */
export function scopesInWords(scopes: readonly string[] | null | undefined): string {
  if (scopes === null || scopes === undefined) return "All that the role allows";
  if (scopes.includes(adminScope.scope)) return "Admin";
  if (scopes.length === 0) return "Nothing";
  if (same(scopes, reads)) return "Read only";
  if (same(scopes, [...reads, ...writes])) return "Read and write";
  if (same(scopes, ["traces:write"])) return "Send traces";
  const parts = resources.flatMap((one) => {
    const [read, write] = [scopes.includes(one.read.scope), scopes.includes(one.write.scope)];
    const name = one.name.toLowerCase();
    return read && write ? [`read and write ${name}`] : write ? [name === "traces" ? "send traces" : `write ${name}`] : read ? [`read ${name}`] : [];
  });
  const unknown = scopes.filter((scope) => !known.some((one) => one.scope === scope));
  const all = [...parts, ...unknown].join(", ");
  return all.slice(0, 1).toUpperCase() + all.slice(1);
}

/** Whether a key can read projects, or only send. */
export function canRead(scopes: readonly string[] | null | undefined): boolean {
  return scopes === null || scopes === undefined || scopes.some((scope) => scope === adminScope.scope || scope === "projects:read");
}

export function canSend(scopes: readonly string[] | null | undefined, role: string): boolean {
  return role !== "VIEWER" && (scopes === null || scopes === undefined || scopes.some((scope) => scope === adminScope.scope || scope === "traces:write"));
}
