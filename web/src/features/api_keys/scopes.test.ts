import { describe, expect, it } from "vitest";
import { allows, canRead, canSend, grantOf, presetOf, presetsFor, resources, scopesInWords, scopesOf, scopeText } from "./scopes";

const reads = resources.map((one) => one.read.scope);
const writes = resources.map((one) => one.write.scope);

describe("scopesInWords", () => {
  it.each([
    [null, "All that the role allows"],
    [undefined, "All that the role allows"],
    [[], "Nothing"],
    [["admin"], "Admin"],
    [["traces:read", "admin"], "Admin"],
    [reads, "Read only"],
    [[...writes, ...reads], "Read and write"],
    [["traces:write"], "Send traces"],
    [["traces:write", "projects:read"], "Send traces, read projects"],
    [["datasets:read", "datasets:write", "prompts:write"], "Read and write datasets, write prompts"],
    [["projects:read", "rockets:launch"], "Read projects, rockets:launch"],
  ])("%j", (scopes, words) => {
    expect(scopesInWords(scopes)).toBe(words);
  });
});

it("never offers more than the role has", () => {
  const offered = (role: "ADMIN" | "MEMBER" | "VIEWER") => presetsFor(role).map((preset) => preset.value);
  expect(offered("ADMIN")).toContain("admin");
  expect(offered("MEMBER")).not.toContain("admin");
  expect(offered("VIEWER")).toEqual(["read-only", "role", "custom"]);
  expect([allows("ADMIN", "admin"), allows("MEMBER", "admin"), allows("MEMBER", "traces:write"), allows("VIEWER", "traces:write"), allows("VIEWER", "traces:read")]).toEqual([true, false, true, false, true]);
});

it("sends a preset by name, and else the scopes in order", () => {
  expect(grantOf("role", new Set(["admin"]))).toEqual({});
  expect(grantOf("read-only", new Set())).toEqual({ preset: "read-only" });
  expect(grantOf("ingest", new Set())).toEqual({ scopes: ["traces:write"] });
  expect(grantOf("custom", new Set(["prompts:write", "traces:read"]))).toEqual({ scopes: ["traces:read", "prompts:write"] });
});

it("knows what a key can be tried with", () => {
  expect([canRead(null), canRead(["traces:write"]), canRead(["projects:read"])]).toEqual([true, false, true]);
  expect([canSend(null, "VIEWER"), canSend(null, "MEMBER"), canSend(["traces:read"], "MEMBER"), canSend(["admin"], "ADMIN")]).toEqual([false, true, false, true]);
  expect(scopeText("traces:write")).toBe("Send traces, and annotate them");
  expect(scopeText("rockets:launch")).toBe("rockets:launch");
});

describe("presetOf and scopesOf", () => {
  it("find the choice that a key stands for, and the scopes that a choice comes to", () => {
    for (const scopes of [null, ["traces:write"], reads, [...reads, ...writes], ["admin"]]) {
      const preset = presetOf(scopes, "ADMIN");
      expect(preset).not.toBe("custom");
      expect(scopesOf(grantOf(preset, new Set()))).toEqual(scopes);
    }
    expect(presetOf(["traces:read", "projects:write"], "MEMBER")).toBe("custom");
  });
  it("offer nothing that the role cannot have", () => {
    expect(presetOf(["admin"], "MEMBER")).toBe("custom");
    expect(presetOf(["traces:write"], "VIEWER")).toBe("custom");
    expect(presetOf(null, "VIEWER")).toBe("role");
  });
});
