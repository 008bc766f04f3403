import { Badge } from "@/components/badge";
import { formatDay, formatRelative } from "@/lib/format";
import type { Key } from "./platform";
import { expiryState } from "./usage";

/** The state now: a key that has expired since it was asked for is not active. */
export function statusOf(key: Pick<Key, "status" | "expiresAt">, now: number): string {
  return key.status === "active" && expiryState(key.expiresAt, now) === "gone" ? "expired" : key.status;
}

export function KeyStateBadge({ apiKey, now }: { readonly apiKey: Pick<Key, "status" | "expiresAt" | "previousSecret">; readonly now: number }) {
  switch (statusOf(apiKey, now)) {
    case "active":
      return isRotating(apiKey, now) ? <Badge tone="warning">Rotating</Badge> : <Badge tone="success">Active</Badge>;
    case "expired":
      return <Badge tone="danger">Expired</Badge>;
    default:
      return <Badge>Revoked</Badge>;
  }
}

/** Whether the secret before the last rotation still works. */
export function isRotating(key: Pick<Key, "previousSecret">, now: number): boolean {
  return key.previousSecret !== null && Date.parse(key.previousSecret.expiresAt) > now;
}

export function expiryText(expiresAt: string | null, now: number): string {
  switch (expiryState(expiresAt, now)) {
    case "never":
      return "never";
    case "gone":
      return `expired ${formatRelative(expiresAt, now)}`;
    case "soon":
      return formatRelative(expiresAt, now);
    case "later":
      return expiresAt === null ? "never" : formatDay(expiresAt);
  }
}
