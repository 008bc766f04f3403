/** Numbers and times as people read them. Everything takes `now` so that it can be tested. */

import { timeZone } from "./time-zone";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const NONE = "—";

export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** 1234 stays 1,234; from ten thousand on it becomes 12.3K. */
export function formatCompact(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

export function formatLatency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 0) return NONE;
  if (ms === 0) return "0 ms";
  if (ms < 1) return "<1 ms";
  if (ms < 999.5) return `${String(Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const total = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60];
  return hours > 0 ? `${String(hours)} h ${String(minutes)} m` : `${String(minutes)} m ${String(rest)} s`;
}

export function formatRelative(iso: string | null | undefined, now: number): string {
  if (!iso) return NONE;
  const seconds = (now - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return NONE;
  const [ahead, distance] = [seconds < 0, Math.abs(seconds)];
  // Clocks of exporters run a little ahead now and then.
  if (distance < 5 || (ahead && distance < 120)) return "now";
  const amount =
    distance < 60
      ? `${String(Math.floor(distance))}s`
      : distance < 3600
        ? `${String(Math.floor(distance / 60))}m`
        : distance < 86_400
          ? `${String(Math.floor(distance / 3600))}h`
          : distance < 86_400 * 60
            ? `${String(Math.floor(distance / 86_400))}d`
            : distance < 86_400 * 730
              ? `${String(Math.floor(distance / (86_400 * 30.44)))}mo`
              : `${String(Math.floor(distance / (86_400 * 365.25)))}y`;
  return ahead ? `in ${amount}` : `${amount} ago`;
}

/** The same within a sentence: "used just now". */
export function formatAgo(iso: string, now: number): string {
  const text = formatRelative(iso, now);
  return text === "now" ? "just now" : text;
}

const shapes = {
  sameYear: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  otherYear: { year: "numeric", month: "short", day: "numeric" },
  year: { year: "numeric" },
  complete: {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
    timeZoneName: "short",
  },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

// Making one takes longer than using it a hundred times.
const made = new Map<string, Intl.DateTimeFormat>();

function inZone(shape: keyof typeof shapes): Intl.DateTimeFormat {
  const zone = timeZone();
  const key = `${shape} ${zone ?? ""}`;
  let format = made.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en", { ...shapes[shape], ...(zone !== undefined && { timeZone: zone }) });
    made.set(key, format);
  }
  return format;
}

export function formatAbsolute(iso: string | null | undefined, now: number): string {
  if (!iso) return NONE;
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return NONE;
  const year = inZone("year");
  return inZone(year.format(date) === year.format(now) ? "sameYear" : "otherYear").format(date);
}

export function formatDay(iso: string): string {
  return inZone("otherYear").format(new Date(iso));
}

export function formatComplete(iso: string | null | undefined): string {
  if (!iso) return NONE;
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? NONE : inZone("complete").format(date);
}

/** One line for a table cell: white space folded, JSON wrappers of a single text taken off. */
export function previewText(value: string, limit = 240): string {
  const folded = value.slice(0, limit * 4).replace(/\s+/g, " ").trim();
  return folded.length > limit ? `${folded.slice(0, limit)}…` : folded;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
