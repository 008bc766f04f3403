import { describe, expect, it } from "vitest";
import { goesWith, matches, refusalsFor, stateOf } from "./rules";

const person = (id: string, role: string, more: Partial<{ email: string; isActive: boolean; authMethod: string; passwordNeedsReset: boolean }> = {}) => ({
  id,
  username: `user ${id}`,
  email: `${id}@mail.example`,
  role: { name: role },
  isActive: true,
  authMethod: "LOCAL",
  passwordNeedsReset: false,
  ...more,
});

const ada = person("ada", "ADMIN");
const bob = person("bob", "ADMIN");
const cy = person("cy", "MEMBER");
const nothing = { role: null, deactivate: null, password: null, remove: null };

describe("refusalsFor", () => {
  it("lets administrators do anything to others", () => {
    expect(refusalsFor(bob, "ada", [ada, bob, cy])).toEqual(nothing);
    expect(refusalsFor(cy, "ada", [ada, cy])).toEqual(nothing);
  });
  it("keeps the last active administrator", () => {
    const retired = { ...bob, isActive: false };
    const refusals = refusalsFor(ada, "system", [ada, retired, cy]);
    for (const reason of [refusals.role, refusals.deactivate, refusals.remove]) expect(reason).toContain("last active administrator");
    expect(refusals.password).toBeNull();
    expect(refusalsFor(retired, "ada", [ada, retired, cy])).toEqual(nothing);
  });
  it("keeps people from locking themselves out", () => {
    const refusals = refusalsFor(ada, "ada", [ada, bob]);
    expect(refusals.role).toContain("own role");
    expect(refusals.deactivate).toContain("themselves");
    expect(refusals.remove).toContain("own account");
    expect(refusals.password).toContain("profile");
  });
  it("keeps the first account, which may be deactivated all the same", () => {
    const first = person("first", "ADMIN", { email: "admin@localhost" });
    expect(refusalsFor(first, "ada", [ada, first])).toEqual({ ...nothing, remove: expect.stringContaining("came with") as string });
  });
  it("sets no password for those who have none", () => {
    expect(refusalsFor(person("dee", "VIEWER", { authMethod: "LDAP" }), "ada", [ada]).password).toContain("organisation");
  });
});

describe("stateOf", () => {
  it("says the graver thing first", () => {
    expect(stateOf({ isActive: false, passwordNeedsReset: true })).toBe("deactivated");
    expect(stateOf({ isActive: true, passwordNeedsReset: true })).toBe("mustChangePassword");
    expect(stateOf({ isActive: true, passwordNeedsReset: false })).toBe("active");
  });
});

it.each([
  [0, 0, "the account. It has no API keys and is signed in nowhere."],
  [1, 0, "the account, 1 API key. What uses the key is refused."],
  [3, 2, "the account, 3 API keys and 2 sessions. What uses one of the keys is refused."],
  [0, null, "the account, its sessions."],
])("says what goes with an account: %s keys, %s sessions", (keys, sessions, expected) => {
  expect(goesWith(keys, sessions)).toBe(expected);
});

describe("matches", () => {
  it("finds by name, address, role and state, word by word", () => {
    expect(["", "CY", "cy member", "cy@mail", " cy  "].map((search) => matches(cy, search))).toEqual([true, true, true, true, true]);
    expect(matches(cy, "cy admin")).toBe(false);
    expect(matches({ ...cy, isActive: false }, "deactivated")).toBe(true);
  });
});
