import { describe, expect, it } from "vitest";
import type { Viewer } from "@/features/auth/session";
import { kindInWords, mayAnnotate, mayDelete, mayEdit, readScore, refusalOf, scoreInWords } from "./words";

const who = (id: string, role: string) => ({ id, role: { name: role } }) as Viewer;
const byAnn = { user: { id: "ann" } };

describe("who may do what with an annotation", () => {
  it("lets viewers read and everybody else write", () => {
    expect([undefined, null, who("a", "VIEWER"), who("a", "MEMBER"), who("a", "ADMIN")].map(mayAnnotate)).toEqual([false, true, false, true, true]);
  });

  it("lets everybody change their own and administrators take away any", () => {
    expect([who("ann", "MEMBER"), who("bob", "MEMBER"), who("root", "ADMIN"), who("ann", "VIEWER"), null].map((one) => [mayEdit(one, byAnn), mayDelete(one, byAnn)])).toEqual([
      [true, true],
      [false, false],
      [false, true],
      [false, false],
      [true, true],
    ]);
    expect(mayEdit(who("ann", "MEMBER"), { user: null })).toBe(false);
  });
});

describe("scores", () => {
  it("are written short", () => {
    expect([1, 0.5, 0.123456, -2, 1234.5].map(scoreInWords)).toEqual(["1", "0.5", "0.123", "-2", "1,234.5"]);
  });

  it("are read as people type them", () => {
    expect(["", " ", "1", "0,5", "-.5", "1e-3", "+2."].map(readScore)).toEqual([null, null, 1, 0.5, -0.5, 0.001, 2]);
    for (const bad of ["x", "1x", "1.2.3", "Infinity", "1e999", "--1"]) expect(readScore(bad)).toBeUndefined();
  });
});

it("says why a form cannot be sent", () => {
  const form = { name: "quality", label: "good", score: "", explanation: "" };
  expect(refusalOf(form)).toBeNull();
  expect(refusalOf({ ...form, name: " " })).toContain("name");
  expect(refusalOf({ ...form, name: "note" })).toContain("notes");
  expect(refusalOf({ ...form, score: "x" })).toContain("number");
  expect(refusalOf({ ...form, label: " " })).toContain("label");
  expect(refusalOf({ ...form, label: "", score: "0" })).toBeNull();
});

it("names the kinds of annotators", () => {
  expect(["HUMAN", "LLM", "CODE"].map(kindInWords)).toEqual(["Person", "LLM", "Code"]);
});
