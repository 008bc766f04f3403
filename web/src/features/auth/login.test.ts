import { afterEach, describe, expect, it, vi } from "vitest";
import { login, requestPasswordReset, resetPassword } from "./login";

const answer = (status: number, headers: Record<string, string> = {}, body: string | null = null) =>
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(new Response(body, { status, headers }))));

afterEach(() => {
  vi.unstubAllGlobals();
});

const all = [() => login("a@b.example", "x"), () => requestPasswordReset("a@b.example"), () => resetPassword("t", "x")];

describe("calls without a session", () => {
  it("say what was achieved", async () => {
    answer(204);
    expect(await Promise.all(all.map((call) => call()))).toEqual([{ kind: "signedIn" }, { kind: "asked" }, { kind: "changed" }]);
  });

  it("know how long to wait", async () => {
    answer(429, { "retry-after": "42" });
    for (const call of all) expect(await call()).toEqual({ kind: "wait", seconds: 42 });
    answer(429);
    for (const call of all) expect(await call()).toEqual({ kind: "wait", seconds: null });
  });

  it("tell a wrong password from a dead link", async () => {
    answer(401);
    expect(await login("a@b.example", "x")).toEqual({ kind: "refused" });
    expect(await resetPassword("t", "x")).toEqual({ kind: "invalidLink" });
  });

  it("know a server without mail", async () => {
    answer(503);
    expect(await requestPasswordReset("a@b.example")).toEqual({ kind: "noMail" });
  });

  it("repeat what the server says about a password", async () => {
    answer(422, { "content-type": "application/problem+json" }, JSON.stringify({ detail: "Password must be longer" }));
    expect(await resetPassword("t", "x")).toEqual({ kind: "failed", message: "Password must be longer" });
  });

  it("say when the server cannot be reached", async () => {
    vi.stubGlobal("fetch", vi.fn(() => Promise.reject(new TypeError("down"))));
    for (const call of all) expect(await call()).toHaveProperty("kind", "failed");
  });
});
