import type { components } from "@/api/generated/rest";

type Principal = components["schemas"]["AccessPrincipal"];

const kinds: Readonly<Record<string, string>> = {
  session: "Signed-in user",
  user_api_key: "Personal key",
  system_api_key: "System key",
  admin_secret: "Admin secret",
  anonymous: "Nobody known",
};

/** Who sent a request, by name where there is one. */
export function principalInWords({ type, name, userId }: Principal, nameOf: (userId: string) => string | undefined): { readonly name: string; readonly kind: string | null } {
  const kind = kinds[type] ?? type.replaceAll("_", " ");
  const known = name ?? (userId ? nameOf(userId) : undefined);
  return known === undefined || type === "admin_secret" || type === "anonymous" ? { name: kind, kind: null } : { name: known, kind };
}

export function statusTone(status: number): "success" | "quiet" | "warning" | "danger" {
  if (status >= 500) return "danger";
  if (status >= 400) return "warning";
  return status >= 300 ? "quiet" : "success";
}

const HOUR = 3_600_000;

export const timeChoices = [
  { value: "day", label: "24 hours", ms: 24 * HOUR },
  { value: "hour", label: "1 hour", ms: HOUR },
  { value: "week", label: "7 days", ms: 168 * HOUR },
  { value: "month", label: "30 days", ms: 720 * HOUR },
  { value: "all", label: "All", ms: null },
] as const;

/** Begin of what was chosen, on a whole minute: the question stays the same for as long. */
export function startOfChoice(value: string, now: number): string | undefined {
  const choice = timeChoices.find((one) => one.value === value) ?? timeChoices[0];
  return choice.ms === null ? undefined : new Date(Math.floor((now - choice.ms) / 60_000) * 60_000).toISOString();
}
