import { describe, expect, it } from "vitest";
import { passwordRules } from "./password";

const met = (...entries: [string, string, string]) => passwordRules(...entries).map((rule) => rule.met);

describe("passwordRules", () => {
  it("accepts a good password entered twice", () => {
    expect(met("admin", "correct-horse", "correct-horse")).toEqual([true, true, true, true]);
  });
  it("names what is wrong", () => {
    expect(met("admin", "", "")).toEqual([false, false, false, false]);
    expect(met("admin", "admin", "admin")).toEqual([true, true, false, true]);
    expect(met("admin", "with space", "with  space")).toEqual([true, false, true, false]);
    expect(met("admin", "größe", "größe")).toEqual([true, false, true, true]);
  });
});
