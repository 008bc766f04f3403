import { expect, it } from "vitest";
import { actionInWords, actorInWords, detailsOf } from "./words";

it.each([
  ["api_key.create", "API key created"],
  ["api_key.rotate", "API key rotated"],
  ["user.login_failed", "User failed to sign in"],
  ["retention_policy.set_default", "Retention policy set default"],
  ["restart", "Restart"],
])("%s", (action, words) => {
  expect(actionInWords(action)).toBe(words);
});

it.each([
  [{ type: "user", id: "VXNlcjoy", name: "Ann" }, "Ann", "User"],
  [{ type: "api-key", id: "key_1", name: null }, "key_1", "API key"],
  [{ type: "admin-secret", id: "admin-secret", name: null }, "Admin secret", null],
])("%j", (actor, name, kind) => {
  expect(actorInWords(actor)).toEqual({ name, kind });
});

it("shows details by name", () => {
  expect(detailsOf({ newRole: "ADMIN", grace_period: 60, scopes: ["traces:read", "admin"], before: null, change: { a: 1 }, role: { from: "VIEWER", to: "MEMBER" }, expires: { before: null, after: "2027" } })).toEqual([
    ["new role", "ADMIN"],
    ["grace period", "60"],
    ["scopes", "traces:read, admin"],
    ["change", '{"a":1}'],
    ["role", "VIEWER → MEMBER"],
    ["expires", "nothing → 2027"],
  ]);
  expect(detailsOf(null)).toEqual([]);
  expect(detailsOf(["x"])).toEqual([]);
});
