import { expect, it } from "vitest";
import { expiryOf, firstDay, instantOf, lifetimes, newExpiry, sameExpiry } from "./lifetimes";

const now = Date.parse("2026-06-15T12:00:00Z");

it("counts whole days from now, or none at all", () => {
  expect(expiryOf(30, now)).toBe("2026-07-15T12:00:00.000Z");
  expect(expiryOf(0, now)).toBeNull();
});

it("starts with a lifetime that can be chosen", () => {
  expect(lifetimes.map((lifetime) => String(lifetime.days))).toContain(newExpiry.choice);
  expect(instantOf(newExpiry, now, null)).toBe(expiryOf(90, now));
});

it("takes a day, from its begin where the visitor is, and none that has begun", () => {
  const day = firstDay(now);
  expect(instantOf({ choice: "day", day }, now, null)).toBe(new Date(`${day}T00:00`).toISOString());
  for (const bad of ["", "soon", "2026-06-15", "2020-01-01"]) expect(instantOf({ choice: "day", day: bad }, now, null)).toBeUndefined();
});

it("leaves what is as it is", () => {
  expect(instantOf(sameExpiry, now, "2026-01-01T00:00:00Z")).toBe("2026-01-01T00:00:00Z");
  expect(instantOf(sameExpiry, now, null)).toBeNull();
});
