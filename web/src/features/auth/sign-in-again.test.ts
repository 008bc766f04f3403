import { describe, expect, it } from "vitest";
import { afterSigningInAgain } from "./sign-in-again";

const ada = { id: "VXNlcjoz", passwordNeedsReset: false };
const bob = { id: "VXNlcjo0", passwordNeedsReset: false };

describe("afterSigningInAgain", () => {
  it("keeps the page of the same person", () => {
    expect(afterSigningInAgain(ada, { ...ada }, "/projects")).toBe("stay");
  });
  it("shows nothing of one person to another", () => {
    expect(afterSigningInAgain(ada, bob, "/projects")).toBe("reload");
    expect(afterSigningInAgain(ada, { ...bob, passwordNeedsReset: true }, "/projects")).toBe("reload");
    expect(afterSigningInAgain(ada, null, "/projects")).toBe("reload");
    expect(afterSigningInAgain(null, bob, "/projects")).toBe("reload");
  });
  it("leads to the change of a password that has to be changed, and not away from it", () => {
    expect(afterSigningInAgain(ada, { ...ada, passwordNeedsReset: true }, "/projects")).toBe("changePassword");
    expect(afterSigningInAgain(ada, { ...ada, passwordNeedsReset: true }, "/reset-password")).toBe("stay");
  });
});
