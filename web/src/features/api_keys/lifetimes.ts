/** How long a new key works; 0 is for ever. */
export const lifetimes: readonly { readonly days: number; readonly label: string }[] = [
  { days: 7, label: "7 days" },
  { days: 30, label: "30 days" },
  { days: 90, label: "90 days" },
  { days: 365, label: "1 year" },
  { days: 0, label: "Never expires" },
];

export const defaultLifetime = 90;

export function expiryOf(days: number, now: number): string | null {
  return days > 0 ? new Date(now + days * 86_400_000).toISOString() : null;
}
