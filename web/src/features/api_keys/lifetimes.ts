/** How long a new key works; 0 is for ever. */
export const lifetimes: readonly { readonly days: number; readonly label: string }[] = [
  { days: 7, label: "7 days" },
  { days: 30, label: "30 days" },
  { days: 90, label: "90 days" },
  { days: 365, label: "1 year" },
  { days: 0, label: "Never expires" },
];

/** What was chosen: days from now, a day, or to leave it as it is. */
export interface Expiry {
  readonly choice: "keep" | "day" | `${number}`;
  /** The chosen day, as "2027-01-31". */
  readonly day: string;
}

export const newExpiry: Expiry = { choice: "90", day: "" };
export const sameExpiry: Expiry = { choice: "keep", day: "" };

export function expiryOf(days: number, now: number): string | null {
  return days > 0 ? new Date(now + days * 86_400_000).toISOString() : null;
}

/** The instant from which the key is refused; null is never, undefined when no day is chosen that can be. */
export function instantOf({ choice, day }: Expiry, now: number, present: string | null): string | null | undefined {
  if (choice === "keep") return present;
  if (choice !== "day") return expiryOf(Number(choice), now);
  const begin = new Date(`${day}T00:00`).getTime();
  return Number.isNaN(begin) || begin <= now ? undefined : new Date(begin).toISOString();
}

/** The first day that can be chosen: tomorrow, as the field for days wants it. */
export function firstDay(now: number): string {
  const next = new Date(now + 86_400_000);
  return [next.getFullYear(), next.getMonth() + 1, next.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
