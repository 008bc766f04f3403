import { describe, expect, it } from "vitest";
import { assignableRole, roleLabel, roles, roleText } from "./roles";

describe("roles", () => {
  it("explains each role that can be given, in a sentence", () => {
    expect(roles.map((role) => role.name)).toEqual(["ADMIN", "MEMBER", "VIEWER"]);
    for (const role of roles) expect(role.text).toMatch(/^[A-Z].+\.$/);
  });
  it("names roles that it does not know", () => {
    expect([roleLabel("ADMIN"), roleLabel("SYSTEM"), roleLabel("")]).toEqual(["Admin", "System", ""]);
    expect(roleText("SYSTEM")).toBeNull();
    expect([assignableRole("VIEWER"), assignableRole("SYSTEM")]).toEqual(["VIEWER", null]);
  });
});
