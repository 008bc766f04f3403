import { expect, it } from "vitest";
import { principalInWords, startOfChoice, statusTone } from "./words";

it.each([
  [{ type: "system_api_key", name: "checkout" }, "checkout", "System key"],
  [{ type: "session", userId: "u1" }, "Ann", "Signed-in user"],
  [{ type: "session", userId: "gone" }, "Signed-in user", null],
  [{ type: "admin_secret", userId: "u1" }, "Admin secret", null],
  [{ type: "anonymous" }, "Nobody known", null],
  [{ type: "oauth_app", name: "cli" }, "cli", "oauth app"],
])("%j", (principal, name, kind) => {
  expect(principalInWords(principal, (id) => (id === "u1" ? "Ann" : undefined))).toEqual({ name, kind });
});

it("colours by class", () => {
  expect([200, 302, 404, 499, 503].map(statusTone)).toEqual(["success", "quiet", "warning", "warning", "danger"]);
});

it("asks the same question within a minute", () => {
  const now = Date.parse("2026-06-15T12:34:56Z");
  expect(startOfChoice("hour", now)).toBe("2026-06-15T11:34:00.000Z");
  expect(startOfChoice("hour", now + 3_000)).toBe("2026-06-15T11:34:00.000Z");
  expect(startOfChoice("nonsense", now)).toBe("2026-06-14T12:34:00.000Z");
  expect(startOfChoice("all", now)).toBeUndefined();
});
