import { deviceOf } from "@/features/sessions/device";

const subjects: Readonly<Record<string, string>> = { api_key: "API key", user: "User", session: "Session", project: "Project", retention_policy: "Retention policy", alert_destination: "Alert destination", annotation_config: "Annotation config", system: "Server" };

const verbs: Readonly<Record<string, string>> = {
  create: "created",
  update: "changed",
  rotate: "rotated",
  revoke: "revoked",
  delete: "deleted",
  login: "signed in",
  login_failed: "failed to sign in",
  login_limited: "was turned away at sign-in",
  end: "ended",
  password_changed: "password changed",
  test: "tested",
  annotations_delete: "annotations deleted",
  annotation_configs: "annotation configs chosen",
};

/** What is known to be recorded, for the filter. */
export const actions = ["api_key.create", "api_key.update", "api_key.rotate", "api_key.revoke", "user.create", "user.update", "user.delete", "user.login", "user.login_failed", "user.login_limited", "user.password_changed", "session.end", "project.create", "project.update", "project.delete", "project.annotations_delete", "project.annotation_configs", "annotation_config.create", "annotation_config.update", "annotation_config.delete", "retention_policy.create", "retention_policy.update", "retention_policy.delete", "alert_destination.create", "alert_destination.update", "alert_destination.rotate", "alert_destination.test", "alert_destination.delete"];

const spaced = (text: string) => text.replaceAll(/[._-]+/g, " ").trim();

export function subjectKind(type: string): string {
  return subjects[type] ?? spaced(type).replace(/^./, (first) => first.toUpperCase());
}

/** What was done, in plain words: "API key rotated". Actions that are new here are spelled out as they are. */
export function actionInWords(action: string): string {
  const dot = action.indexOf(".");
  if (dot < 0) return subjectKind(action);
  const verb = action.slice(dot + 1);
  return `${subjectKind(action.slice(0, dot))} ${verbs[verb] ?? spaced(verb)}`;
}

const actors: Readonly<Record<string, string>> = {
  user: "User",
  "api-key": "API key",
  "admin-secret": "Admin secret",
  "command-line": "Command line",
  server: "The server",
  anonymous: "Nobody known",
};

export function actorInWords({ type, id, name }: { readonly type: string; readonly id: string; readonly name: string | null }): { readonly name: string; readonly kind: string | null } {
  const kind = actors[type] ?? spaced(type);
  if (name !== null) return { name, kind };
  return id === type ? { name: kind, kind: null } : { name: id, kind };
}

const plain = (value: unknown): string =>
  typeof value === "string" ? value : Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join(", ") : value === null || value === undefined ? "nothing" : JSON.stringify(value);

/** What changed reads "MEMBER → VIEWER". */
function valueInWords(value: unknown): string {
  if (typeof value !== "object" || value === null) return plain(value);
  const keys = Object.keys(value);
  const pair = [["from", "to"], ["before", "after"], ["old", "new"]].find((names) => keys.length > 0 && keys.every((key) => names.includes(key)));
  if (pair === undefined) return plain(value);
  const [before, now] = pair.map((name) => plain((value as Record<string, unknown>)[name]));
  return `${before ?? ""} → ${now ?? ""}`;
}

/** The names and values of what else is told, one level deep; what lies deeper stays JSON. */
export function detailsOf(details: unknown): (readonly [name: string, value: string])[] {
  if (typeof details !== "object" || details === null || Array.isArray(details)) return [];
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [spaced(name.replaceAll(/([a-z])([A-Z])/g, "$1 $2")).toLowerCase(), name === "userAgent" && typeof value === "string" ? deviceOf(value).name : valueInWords(value)] as const);
}
