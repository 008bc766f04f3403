import { formatAgo } from "@/lib/format";
import { deviceOf } from "@/features/sessions/device";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface UsageRange {
  readonly id: "day" | "week" | "month";
  readonly label: string;
  /** In a sentence: "in the last 24 hours". */
  readonly text: string;
  readonly interval: "hour" | "day";
  readonly buckets: number;
}

export const DAY_RANGE: UsageRange = { id: "day", label: "24 h", text: "in the last 24 hours", interval: "hour", buckets: 24 };
export const WEEK_RANGE: UsageRange = { id: "week", label: "7 d", text: "in the last 7 days", interval: "day", buckets: 7 };
export const MONTH_RANGE: UsageRange = { id: "month", label: "30 d", text: "in the last 30 days", interval: "day", buckets: 30 };
export const usageRanges: readonly UsageRange[] = [DAY_RANGE, WEEK_RANGE, MONTH_RANGE];

const lengthOf = (range: UsageRange) => (range.interval === "hour" ? HOUR : DAY);

/** Begin of the first of the intervals that end with the present one; intervals begin with the hour or the day of UTC. */
export function startOf(range: UsageRange, now: number): number {
  const length = lengthOf(range);
  return Math.floor(now / length) * length - (range.buckets - 1) * length;
}

export interface Bucket {
  readonly start: number;
  readonly requests: number;
  readonly errors: number;
}

/** One bucket for each interval of the range, empty ones too, whatever of them the server has told. */
export function bucketsOf(range: UsageRange, now: number, series: readonly { readonly start: string; readonly requests: number; readonly errors: number }[]): Bucket[] {
  const length = lengthOf(range);
  const first = startOf(range, now);
  const buckets = Array.from({ length: range.buckets }, (_, i) => ({ start: first + i * length, requests: 0, errors: 0 }));
  for (const one of series) {
    const bucket = buckets[Math.floor((Date.parse(one.start) - first) / length)];
    if (bucket === undefined) continue;
    bucket.requests += one.requests;
    bucket.errors += one.errors;
  }
  return buckets;
}

/** A share as people read it: never 0 % where there was something, nor 100 % where there was something else. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share) || share <= 0) return "0%";
  if (share < 0.001) return "<0.1%";
  if (share >= 1) return "100%";
  if (share > 0.999) return ">99.9%";
  return `${share < 0.1 ? (share * 100).toFixed(1).replace(/\.0$/, "") : String(Math.min(99, Math.round(share * 100)))}%`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[unit] ?? ""}`;
}

interface LastUse {
  readonly at: string;
  readonly ip: string;
  readonly userAgent?: string | null;
  readonly country?: string | null;
}

/** When, by what and from where: "3m ago, by curl from 192.0.2.7 (DE)". */
export function lastUseInWords({ at, ip, userAgent, country }: LastUse, now: number): string {
  const device = deviceOf(userAgent);
  const by = device.kind === "unknown" && device.name === "Unknown device" ? "" : `by ${device.name} `;
  return `${formatAgo(at, now)}, ${by}from ${ip}${country ? ` (${country})` : ""}`;
}

export type Expiry = "never" | "gone" | "soon" | "later";

/** Whether somebody has to do something about a key, fourteen days ahead. */
export function expiryState(expiresAt: string | null | undefined, now: number): Expiry {
  if (!expiresAt) return "never";
  const left = Date.parse(expiresAt) - now;
  return left <= 0 ? "gone" : left < 14 * DAY ? "soon" : "later";
}
