import { describe, expect, it } from "vitest";
import { exampleOf, matchesOperation, type OpenApi, operationsByTag, requestPath, type Schema, typeText } from "./document";

const document: OpenApi = {
  openapi: "3.1.0",
  info: { title: "t", version: "1" },
  paths: {
    "/v1/projects/{p}": {
      parameters: [{ name: "p", in: "path", required: true, schema: { type: "string" } }],
      get: {
        operationId: "getProject",
        tags: ["projects"],
        parameters: [
          { name: "ids", in: "query", schema: { anyOf: [{ type: "array", items: { type: "string" } }, { type: "null" }] } },
          { name: "limit", in: "query", schema: { type: "integer" } },
        ],
      },
      delete: { tags: ["projects"] },
    },
    "/v1/user": { get: { operationId: "getViewer" } },
  },
  components: {
    schemas: {
      Node: { type: "object", required: ["name", "child"], properties: { name: { type: "string" }, child: { $ref: "#/components/schemas/Node" } } },
    },
  },
};
const groups = operationsByTag(document);
const getProject = groups.get("projects")?.[0];

describe("operations", () => {
  it("are grouped by tag, with the parameters of their path", () => {
    expect([...groups.keys()]).toEqual(["projects", "other"]);
    expect(getProject?.parameters?.map((p) => p.name)).toEqual(["p", "ids", "limit"]);
    expect(groups.get("projects")?.[1]?.id).toBe("delete-/v1/projects/{p}");
  });
  it("are found by all words", () => {
    expect(getProject && matchesOperation(getProject, "get project")).toBe(true);
    expect(getProject && matchesOperation(getProject, "post project")).toBe(false);
  });
  it("become a request", () => {
    expect(getProject && requestPath(getProject, { "path.p": "a b", "query.ids": "1, 2", "query.limit": "" })).toBe("/v1/projects/a%20b?ids=1&ids=2");
  });
});

describe("schemas", () => {
  it.each<[Schema | undefined, string]>([
    [undefined, "any"],
    [{ $ref: "#/components/schemas/Node" }, "Node"],
    [{ type: "string", format: "date-time" }, "string (date-time)"],
    [{ anyOf: [{ type: "integer" }, { type: "null" }] }, "integer | null"],
    [{ type: "array", items: { enum: ["a", "b"] } }, '("a" | "b")[]'],
    [{ type: ["string", "null"] }, "string | null"],
  ])("%j reads %s", (schema, text) => {
    expect(typeText(schema)).toBe(text);
  });
  it("give an example, even when they contain themselves", () => {
    expect(exampleOf(document, { $ref: "#/components/schemas/Node" })).toMatchObject({ name: "", child: { name: "" } });
  });
});
