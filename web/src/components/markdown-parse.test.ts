import { describe, expect, it } from "vitest";
import { parseInline, parseMarkdown } from "./markdown-parse";

describe("parseMarkdown", () => {
  it("reads the blocks that models write", () => {
    const blocks = parseMarkdown("# Title\n\nOne\ntwo\n\n- a\n- b\n  more\n\n3. c\n4. d\n\n```py\nx = 1\n\n# no heading\n```\n> said\n---");
    expect(blocks).toEqual([
      { kind: "heading", level: 1, text: "Title" },
      { kind: "paragraph", text: "One\ntwo" },
      { kind: "list", ordered: false, start: 1, items: ["a", "b more"] },
      { kind: "list", ordered: true, start: 3, items: ["c", "d"] },
      { kind: "code", text: "x = 1\n\n# no heading" },
      { kind: "quote", text: "said" },
      { kind: "rule" },
    ]);
  });
  it("ends with an open fence", () => {
    expect(parseMarkdown("```\nx")).toEqual([{ kind: "code", text: "x" }]);
  });
});

describe("parseInline", () => {
  it("reads emphasis, code and links", () => {
    expect(parseInline("a **b** *c* `d*e*` [f](https://g.example)!").map((p) => p.kind)).toEqual([
      "text", "strong", "text", "em", "text", "code", "text", "link", "text",
    ]);
  });
  it("makes no link of a script and no markup of tags", () => {
    expect(parseInline("[x](javascript:alert) <b>")).toEqual([{ kind: "text", text: "[x](javascript:alert) <b>" }]);
  });
});
