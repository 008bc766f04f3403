import { expect, it } from "vitest";
import { expiryText, isRotating, statusOf } from "./key-state";

const now = Date.parse("2026-06-15T12:00:00Z");

it("sees that a key has expired since it was asked for", () => {
  expect(statusOf({ status: "active", expiresAt: "2026-06-15T11:59:59Z" }, now)).toBe("expired");
  expect(statusOf({ status: "active", expiresAt: null }, now)).toBe("active");
  expect(statusOf({ status: "revoked", expiresAt: "2026-06-15T11:59:59Z" }, now)).toBe("revoked");
});

it("takes a secret for gone that ends before the page knows what time it is", () => {
  const previous = (expiresAt: string) => ({ previousSecret: { maskedKey: "px_live_a…z", expiresAt } });
  expect(isRotating(previous("2026-06-15T13:00:00Z"), now)).toBe(true);
  expect(isRotating(previous("2026-06-15T12:00:10Z"), now)).toBe(false);
  expect(isRotating({ previousSecret: null }, now)).toBe(false);
});

it.each([[null, "never"], ["2026-06-15T09:00:00Z", "expired 3h ago"], ["2026-06-20T12:00:00Z", "in 5d"]])("says that %s is %s", (at, text) => {
  expect(expiryText(at, now)).toBe(text);
});
