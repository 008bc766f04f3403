import { describe, expect, it } from "vitest";
import { snippetsFor } from "./snippets";

const text = (withKey: boolean) => JSON.stringify(snippetsFor({ endpoint: "https://t.example/sub", project: "default", withKey }));

describe("snippetsFor", () => {
  it("points every snippet at this server", () => {
    for (const snippet of snippetsFor({ endpoint: "https://t.example/sub", project: "default", withKey: true })) {
      expect(snippet.steps.map((step) => step.code).join("\n")).toContain("https://t.example/sub");
    }
  });
  it("speaks of keys only where keys are needed", () => {
    expect(text(true)).toContain("PHOENIX_API_KEY");
    expect(text(false)).not.toContain("PHOENIX_API_KEY");
    expect(text(false)).not.toContain("uthorization");
  });
  it("leaves no name of a project to the shell", () => {
    const code = snippetsFor({ endpoint: "https://t.example", project: 'a $HOME `id` "b" \\', withKey: false }).at(-1)?.steps[0]?.code;
    expect(code).toContain('"stringValue": "a \\$HOME \\`id\\` \\\\"b\\\\" \\\\\\\\"');
  });
  it("contains the key where it is known", () => {
    const given = JSON.stringify(snippetsFor({ endpoint: "https://t.example", project: "default", withKey: true, apiKey: "px_live_abc" }));
    expect(given).toContain("px_live_abc");
    expect(given).not.toContain("<your key>");
    expect(text(true)).toContain("<your key>");
  });
});
