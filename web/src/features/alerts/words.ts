import { formatCount } from "@/lib/format";
import type { Alert, Delivery, Destination } from "./queries";

export const kinds = [
  { value: "unused", label: "Not used", text: "A key that nobody has used for long." },
  { value: "error_rate", label: "Many errors", text: "Too many requests with a key fail." },
  { value: "unexpected_geography", label: "New country", text: "A key is used from a country for the first time." },
  { value: "expiring", label: "Expires soon", text: "A key is about to expire." },
] as const;

const spaced = (text: string) => text.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

export function kindInWords(kind: string): string {
  return kinds.find((one) => one.value === kind)?.label ?? spaced(kind);
}

export function kindTone(kind: string): "quiet" | "warning" | "danger" {
  if (kind === "error_rate") return "danger";
  return kind === "unused" ? "quiet" : "warning";
}

export function countryName(code: string): string {
  try {
    return new Intl.DisplayNames("en", { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** Why there is an alert, as a sentence. */
export function whyInWords({ kind, country, details, message }: Pick<Alert, "kind" | "country" | "details" | "message">): string {
  if (kind === "unexpected_geography" && country !== null) return `Used from ${countryName(country)} for the first time.`;
  const { requests, errors } = (details ?? {}) as { readonly requests?: unknown; readonly errors?: unknown };
  if (kind === "error_rate" && typeof requests === "number" && typeof errors === "number" && requests > 0) {
    // Cut, as the server does: never told higher than it is.
    return `${formatCount(errors)} of ${formatCount(requests)} requests failed: ${String(Math.floor((errors / requests) * 100))} %.`;
  }
  return `${message}.`;
}

const resolutions: Readonly<Record<string, string>> = {
  recovered: "It is no longer so",
  accustomed: "The country is no longer new",
  revoked: "The key was revoked",
  expired: "The key has expired",
};

export function resolutionInWords(resolution: string | null): string {
  return resolution === null ? "" : (resolutions[resolution] ?? spaced(resolution));
}

export function targetOf({ url, address }: Pick<Destination, "url" | "address">): string {
  return url ?? address ?? "";
}

export function toldOf({ events, alertKinds }: Pick<Destination, "events" | "alertKinds">): string {
  const when = events === null || events.length > 1 ? "when raised and when over" : events[0] === "alert.raised" ? "when raised" : "when over";
  return `${alertKinds === null ? "All alerts" : alertKinds.map(kindInWords).join(", ")}, ${when}`;
}

const eventWords: Readonly<Record<string, string>> = { "alert.raised": "Alert", "alert.resolved": "End of an alert", "alert.test": "Test" };

export function eventInWords(event: string): string {
  return eventWords[event] ?? event;
}

export function deliveryTone(status: Delivery["status"]): "quiet" | "success" | "danger" {
  if (status === "delivered") return "success";
  return status === "failed" ? "danger" : "quiet";
}

/** What came of a test, as a sentence. */
export function outcomeInWords({ status, statusCode, error }: Pick<Delivery, "status" | "statusCode" | "error">): string {
  if (status === "delivered") return statusCode === null ? "The test was delivered." : `The test was delivered: the answer was ${String(statusCode)}.`;
  return `The test failed. ${error ?? "The server does not say why"}.`;
}
