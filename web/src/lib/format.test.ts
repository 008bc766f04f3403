import { describe, expect, it } from "vitest";
import { formatAgo, formatCompact, formatLatency, formatRelative, plural, previewText } from "./format";

const now = Date.parse("2026-06-15T12:00:00Z");

describe("formatLatency", () => {
  it.each([
    [null, "—"],
    [0, "0 ms"],
    [0.4, "<1 ms"],
    [12.6, "13 ms"],
    [999.4, "999 ms"],
    [999.6, "1.00 s"],
    [9994, "9.99 s"],
    [9996, "10.0 s"],
    [59_990, "1 m 0 s"],
    [61_000, "1 m 1 s"],
    [7_380_000, "2 h 3 m"],
    [-5, "—"],
    [Number.NaN, "—"],
  ])("%s", (given, expected) => {
    expect(formatLatency(given)).toBe(expected);
  });
});

describe("formatRelative", () => {
  it.each([
    ["2026-06-15T11:59:58Z", "now"],
    ["2026-06-15T12:01:00Z", "now"],
    ["2026-06-15T11:59:20Z", "40s ago"],
    ["2026-06-15T11:14:59Z", "45m ago"],
    ["2026-06-14T13:00:00Z", "23h ago"],
    ["2026-06-01T12:00:00Z", "14d ago"],
    ["2025-12-15T12:00:00Z", "5mo ago"],
    ["2021-06-10T12:00:00Z", "5y ago"],
    ["2026-06-16T13:00:00Z", "in 1d"],
    [null, "—"],
    ["nonsense", "—"],
  ])("%s", (given, expected) => {
    expect(formatRelative(given, now)).toBe(expected);
  });
});

it("says now as a sentence needs it", () => {
  expect(formatAgo("2026-06-15T11:59:58Z", now)).toBe("just now");
  expect(formatAgo("2026-06-15T11:14:59Z", now)).toBe("45m ago");
});

describe("numbers and text", () => {
  it("shortens only large numbers", () => {
    expect([9999, 12_345, 3_400_000, null].map(formatCompact)).toEqual(["9,999", "12.3K", "3.4M", "—"]);
  });
  it("counts in words", () => {
    expect([plural(1, "span"), plural(2, "span"), plural(0, "entry", "entries")]).toEqual(["1 span", "2 spans", "0 entries"]);
  });
  it("folds previews into one line", () => {
    expect(previewText("  a\n\n b\tc ")).toBe("a b c");
    expect(previewText("x".repeat(300))).toHaveLength(241);
  });
});
