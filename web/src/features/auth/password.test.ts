import { describe, expect, it } from "vitest";
import { generatePassword, type PasswordPolicy, passwordRules } from "./password";

const met = (policy: PasswordPolicy, current: string, next: string, repeated: string) =>
  passwordRules(policy, { current, next, repeated }).map((rule) => rule.met);

describe("passwordRules", () => {
  it("accepts a good password entered twice", () => {
    expect(met("default", "admin", "correct-horse", "correct-horse")).toEqual([true, true, true, true]);
    expect(met("strong", "admin", "Correct_horse_7", "Correct_horse_7")).toEqual([true, true, true, true, true, true]);
  });
  it("names what is wrong", () => {
    expect(met("default", "admin", "", "")).toEqual([false, false, false, false]);
    expect(met("default", "admin", "admin", "admin")).toEqual([true, true, false, true]);
    expect(met("default", "admin", "with space", "with  space")).toEqual([true, false, true, false]);
    expect(met("default", "admin", "größe", "größe")).toEqual([true, false, true, true]);
  });
  it.each([
    ["Short_7", [false, true, true, true]],
    ["all_lower_case_7", [true, true, false, true]],
    ["NoDigitsAtAll_", [true, true, false, true]],
    ["NothingSpecial77", [true, true, true, false]],
    ["Only-a-dash-in-7", [true, true, true, false]],
  ])("is stricter when the server is: %s", (next, expected) => {
    expect(passwordRules("strong", { next }).map((rule) => rule.met)).toEqual(expected);
  });
});

describe("generatePassword", () => {
  it("fits every policy", () => {
    for (let i = 0; i < 200; i += 1) {
      const next = generatePassword();
      expect(next).toMatch(/^[a-zA-Z2-9]{5}(_[a-zA-Z2-9]{5}){3}$/);
      expect(passwordRules("strong", { next }).every((rule) => rule.met)).toBe(true);
    }
  });
  it("tries again when a kind of letter is missing, and skips what would favour some", () => {
    let round = 0;
    const password = generatePassword((bytes) => {
      round += 1;
      return bytes.map((_, i) => (round === 1 ? 0 : i === 0 ? 255 : i * 9));
    });
    expect(round).toBe(2);
    expect(password.startsWith("a")).toBe(false);
    expect(passwordRules("strong", { next: password }).every((rule) => rule.met)).toBe(true);
  });
});
