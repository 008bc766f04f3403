import { expect, it } from "vitest";
import { keySnippets } from "./key-snippets";

const target = { endpoint: "https://phoenix.example/sub", apiKey: "px_live_secret", project: "default", reads: true, sends: true };
const codes = (wanted: Partial<typeof target>) => keySnippets({ ...target, ...wanted }).map(({ id, steps }) => [id, steps.map((step) => step.code).join("\n")] as const);

it("puts address and key into each", () => {
  const all = codes({});
  expect(all.map(([id]) => id)).toEqual(["env", "python", "typescript", "curl", "otlp"]);
  for (const [id, code] of all) {
    expect(code, id).toContain("https://phoenix.example/sub");
    expect(code, id).toContain("px_live_secret");
  }
  expect(all.at(-1)?.[1]).toContain("Bearer%20px_live_secret");
});

it("shows nothing that the key would be refused for", () => {
  const reading = codes({ sends: false });
  expect(reading.map(([id]) => id)).toEqual(["env", "python", "typescript", "curl"]);
  expect(reading.every(([, code]) => !code.includes("/v1/traces"))).toBe(true);
  expect(codes({ reads: false }).every(([, code]) => !code.includes("/v1/projects"))).toBe(true);
  expect(codes({ reads: false, sends: false }).map(([id]) => id)).toEqual(["env"]);
});
