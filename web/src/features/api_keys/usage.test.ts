import { describe, expect, it } from "vitest";
import { bucketsOf, DAY_RANGE, expiryState, formatBytes, formatShare, lastUseInWords, MONTH_RANGE, startOf, WEEK_RANGE } from "./usage";

const now = Date.parse("2026-06-15T12:34:56Z");

describe("bucketsOf", () => {
  it("begins with whole hours or days and ends with the present one", () => {
    expect(new Date(startOf(DAY_RANGE, now)).toISOString()).toBe("2026-06-14T13:00:00.000Z");
    expect(new Date(startOf(WEEK_RANGE, now)).toISOString()).toBe("2026-06-09T00:00:00.000Z");
    const days = bucketsOf(MONTH_RANGE, now, []);
    expect(days).toHaveLength(30);
    expect(new Date(days.at(-1)?.start ?? 0).toISOString()).toBe("2026-06-15T00:00:00.000Z");
  });

  it("fills gaps, adds up what falls together, and leaves out what lies elsewhere", () => {
    const days = bucketsOf(WEEK_RANGE, now, [
      { start: "2026-06-15T00:00:00Z", requests: 4, errors: 1 },
      { start: "2026-06-15T02:00:00+02:00", requests: 1, errors: 0 },
      { start: "2026-06-10T05:00:00Z", requests: 7, errors: 7 },
      { start: "2026-06-08T00:00:00Z", requests: 9, errors: 0 },
      { start: "2026-06-16T00:00:00Z", requests: 9, errors: 0 },
      { start: "nonsense", requests: 9, errors: 0 },
    ]);
    expect(days.map((day) => [day.requests, day.errors])).toEqual([[0, 0], [7, 7], [0, 0], [0, 0], [0, 0], [0, 0], [5, 1]]);
  });
});

it.each([[0, "0%"], [0.00004, "<0.1%"], [0.012, "1.2%"], [0.05, "5%"], [0.256, "26%"], [0.998, "99%"], [0.9999, ">99.9%"], [1, "100%"], [NaN, "0%"]])("share %s", (share, text) => {
  expect(formatShare(share)).toBe(text);
});

it.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [15_400, "15 kB"], [999_700, "1.0 MB"], [2.5e9, "2.5 GB"], [4e15, "4000 TB"]])("%s bytes", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

describe("lastUseInWords", () => {
  it.each([
    [{ at: "2026-06-15T12:31:00Z", ip: "192.0.2.7", userAgent: "curl/8.5.0", country: "DE" }, "3m ago, by curl from 192.0.2.7 (DE)"],
    [{ at: "2026-06-15T12:34:55Z", ip: "::1", userAgent: "python-requests/2.32", country: null }, "just now, by a Python script from ::1"],
    [{ at: "2026-06-10T12:00:00Z", ip: "192.0.2.7" }, "5d ago, from 192.0.2.7"],
    [{ at: "2026-06-10T12:00:00Z", ip: "192.0.2.7", userAgent: "OTel-OTLP-Exporter-Python/1.30" }, "5d ago, by OTel-OTLP-Exporter-Python from 192.0.2.7"],
  ])("%j", (use, words) => {
    expect(lastUseInWords(use, now)).toBe(words);
  });
});

it.each([[null, "never"], ["2026-06-15T12:34:56Z", "gone"], ["2026-06-29T12:34:55Z", "soon"], ["2026-07-29T12:34:56Z", "later"]])("a key that expires %s", (at, state) => {
  expect(expiryState(at, now)).toBe(state);
});
