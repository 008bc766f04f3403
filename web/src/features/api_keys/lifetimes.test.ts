import { expect, it } from "vitest";
import { defaultLifetime, expiryOf, lifetimes } from "./lifetimes";

it("counts whole days from now, or none at all", () => {
  const now = Date.parse("2026-06-15T12:00:00Z");
  expect(expiryOf(30, now)).toBe("2026-07-15T12:00:00.000Z");
  expect(expiryOf(0, now)).toBeNull();
});

it("starts with a lifetime that can be chosen", () => {
  expect(lifetimes.map((lifetime) => lifetime.days)).toContain(defaultLifetime);
});
