import { afterEach, describe, expect, it } from "vitest";
import { formatAbsolute, formatComplete, formatDay } from "./format";
import { isTimeZone, setTimeZone, timeZone, zoneLabel, zonesByRegion } from "./time-zone";

const late = "2026-12-31T23:30:00Z";
const now = Date.parse("2026-12-31T23:45:00Z");

afterEach(() => {
  setTimeZone("browser");
});

describe("the zone of all times", () => {
  it("is the browser's until another is chosen, and is remembered", () => {
    expect(timeZone()).toBeUndefined();
    setTimeZone("Asia/Tokyo");
    expect(timeZone()).toBe("Asia/Tokyo");
    expect(localStorage.getItem("phoenix.time_zone")).toBe("Asia/Tokyo");
    setTimeZone("browser");
    expect(localStorage.getItem("phoenix.time_zone")).toBeNull();
  });
  it("is never one that does not exist", () => {
    expect([isTimeZone("UTC"), isTimeZone("Europe/Berlin"), isTimeZone("Middle/Earth"), isTimeZone("")]).toEqual([true, true, false, false]);
    setTimeZone("Middle/Earth");
    expect(timeZone()).toBeUndefined();
  });
  it("shows the same instant on another clock", () => {
    setTimeZone("UTC");
    expect(formatComplete(late)).toContain("Dec 31, 2026, 23:30:00.000 UTC");
    expect(formatAbsolute(late, now)).toBe("Dec 31, 23:30:00");
    setTimeZone("Asia/Tokyo");
    expect(formatComplete(late)).toContain("Jan 1, 2027, 08:30:00.000");
    expect(formatDay(late)).toBe("Jan 1, 2027");
    // In Tokyo both lie in 2027.
    expect(formatAbsolute(late, now)).toBe("Jan 1, 08:30:00");
  });
});

describe("the list of zones", () => {
  it("is sorted by region, without those that are only offsets", () => {
    expect(zonesByRegion(["UTC", "Europe/Paris", "Etc/GMT+3", "Asia/Tokyo", "Europe/Berlin"])).toEqual([
      ["Asia", ["Asia/Tokyo"]],
      ["Europe", ["Europe/Berlin", "Europe/Paris"]],
    ]);
  });
  it("is readable", () => {
    expect(["America/New_York", "America/Argentina/Buenos_Aires"].map(zoneLabel)).toEqual(["New York", "Argentina, Buenos Aires"]);
  });
});
