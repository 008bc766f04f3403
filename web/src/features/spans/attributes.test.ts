import { describe, expect, it } from "vitest";
import { at, looksLikeMarkdown, parseAttributes, prettyJson, readDocuments, readLlm, readTool } from "./attributes";

describe("attributes", () => {
  it("keeps what is not JSON or not an object", () => {
    expect(parseAttributes("nope")).toEqual({ unparsed: "nope" });
    expect(parseAttributes("[1]")).toEqual({ value: [1] });
  });

  it("follows nested and dotted keys", () => {
    expect(at({ a: { b: { c: 1 } } }, "a.b.c")).toBe(1);
    expect(at({ a: { "b.c": 2 } }, "a.b.c")).toBe(2);
    expect(at({ "a.b.c": 3 }, "a.b.c")).toBe(3);
    expect(at({ a: 1 }, "a.b")).toBeUndefined();
  });

  it("reads messages, tool calls and tools", () => {
    const llm = readLlm({
      llm: {
        model_name: "m-1",
        system: "acme",
        input_messages: [
          { message: { role: "system", content: "Be brief." } },
          {
            message: {
              role: "user",
              contents: [
                { message_content: { type: "text", text: "What is this?" } },
                { message_content: { type: "image", image: { image: { url: "x" } } } },
              ],
            },
          },
        ],
        output_messages: {
          "0": {
            message: {
              role: "assistant",
              tool_calls: [{ tool_call: { id: "c1", function: { name: "look", arguments: { at: "it" } } } }],
            },
          },
        },
        tools: [{ tool: { json_schema: '{"type":"function","function":{"name":"look"}}' } }],
      },
    });
    expect(llm?.provider).toBe("acme");
    expect(llm?.inputMessages.map((m) => [m.role, m.text, m.images])).toEqual([
      ["system", "Be brief.", 0],
      ["user", "What is this?", 1],
    ]);
    expect(llm?.outputMessages[0]?.toolCalls).toEqual([{ id: "c1", name: "look", arguments: '{\n  "at": "it"\n}' }]);
    expect(llm?.tools[0]?.name).toBe("look");
  });

  it("reads documents and tools, and nothing where there is nothing", () => {
    const found = readDocuments({ retrieval: { documents: [{ document: { id: 7, score: 0.5, content: "text" } }] } });
    expect(found).toEqual([{ title: "Documents", documents: [{ id: "7", score: 0.5, content: "text", metadata: null }] }]);
    expect(readTool({ tool: { name: "t", parameters: { a: 1 } } })?.parameters).toContain('"a": 1');
    expect([readLlm({}), readTool({}), readDocuments({})]).toEqual([null, null, []]);
  });

  it("tells JSON and markdown from text", () => {
    expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect([prettyJson("42"), prettyJson("{oops"), prettyJson("hello")]).toEqual([null, null, null]);
    expect([looksLikeMarkdown("# Title"), looksLikeMarkdown("a\n- b"), looksLikeMarkdown("**b**"), looksLikeMarkdown("2 - 1")]).toEqual([true, true, true, false]);
  });
});
