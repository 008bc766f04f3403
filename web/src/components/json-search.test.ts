import { describe, expect, it } from "vitest";
import { jsonMatches, pathText } from "./json-search";

const value = { llm: { model: "m-1", messages: [{ role: "user", text: "Hello" }, { role: "assistant", text: "Bye" }] }, count: 3 };

describe("jsonMatches", () => {
  it("finds values and the ways to them", () => {
    expect([...jsonMatches(value, "hello")].sort()).toEqual(["llm", "llm.messages", "llm.messages[0]", "llm.messages[0].text"]);
  });
  it("finds keys with all below them", () => {
    expect(jsonMatches(value, "messages").has("llm.messages[1].role")).toBe(true);
    expect(jsonMatches(value, "messages").has("llm.model")).toBe(false);
  });
  it("finds dotted paths and numbers", () => {
    expect([...jsonMatches(value, "llm.model")].sort()).toEqual(["llm", "llm.model"]);
    expect([...jsonMatches(value, "3")]).toEqual(["count"]);
  });
  it("finds nothing", () => {
    expect(jsonMatches(value, "absent").size).toBe(0);
  });
});

describe("pathText", () => {
  it("reads like code", () => {
    expect(pathText(["a", "b", 2, "c"])).toBe("a.b[2].c");
  });
});
