import { describe, expect, it, vi } from "vitest";
import { type AuthFetchParts, createAuthFetch } from "./auth-fetch";
import { ApiError } from "./errors";

const url = "https://traces.example/graphql";
const refreshUrl = "https://traces.example/auth/refresh";

/** A server whose session is valid or not, with a shared renewal stamp like two tabs have. */
function world(options: { refreshStatus?: number; refreshFails?: boolean; staysInvalid?: boolean } = {}) {
  let valid = false;
  let clock = 1000;
  const stamp = { at: 0 };
  const bodies: string[] = [];
  const refresh = vi.fn(async () => {
    await Promise.resolve();
    if (options.refreshFails) throw new TypeError("network down");
    const status = options.refreshStatus ?? 204;
    if (status === 204 && !options.staysInvalid) valid = true;
    return new Response(null, { status });
  });
  const call = vi.fn(async (request: Request) => {
    bodies.push(await request.text());
    return new Response(valid ? "fine" : "no", { status: valid ? 200 : 401 });
  });
  let queue: Promise<unknown> = Promise.resolve();
  const onSessionLost = vi.fn();
  const parts: AuthFetchParts = {
    fetch: ((input: RequestInfo | URL) =>
      input instanceof Request ? call(input) : refresh()),
    refreshUrl,
    authenticationEnabled: true,
    exclusively: (work) => {
      const run = queue.then(work);
      queue = run.catch(() => undefined);
      return run;
    },
    renewedAt: { get: () => stamp.at, set: (at) => (stamp.at = at) },
    now: () => ++clock,
    onSessionLost,
  };
  return { parts, refresh, call, onSessionLost, bodies, tab: () => createAuthFetch(parts) };
}

describe("authFetch", () => {
  it("renews once for many calls and sends each body again", async () => {
    const w = world();
    const authFetch = w.tab();
    const answers = await Promise.all(
      [1, 2, 3].map((n) => authFetch(url, { method: "POST", body: `call ${String(n)}` })),
    );
    expect(answers.map((a) => a.status)).toEqual([200, 200, 200]);
    expect(w.refresh).toHaveBeenCalledTimes(1);
    expect(w.call).toHaveBeenCalledTimes(6);
    expect(w.bodies.slice(3).sort()).toEqual(["call 1", "call 2", "call 3"]);
  });

  it("uses the renewal of another tab", async () => {
    const w = world();
    const [one, two] = [w.tab(), w.tab()];
    const answers = await Promise.all([one(url), two(url)]);
    expect(answers.map((a) => a.status)).toEqual([200, 200]);
    expect(w.refresh).toHaveBeenCalledTimes(1);
  });

  it("goes to the login page when the renewal is refused", async () => {
    const w = world({ refreshStatus: 401 });
    void w.tab()(url);
    await vi.waitFor(() => {
      expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    });
    expect(w.call).toHaveBeenCalledTimes(1);
  });

  it("goes to the login page when the repeated call is refused too", async () => {
    const w = world({ staysInvalid: true });
    void w.tab()(url);
    await vi.waitFor(() => {
      expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    });
    expect(w.refresh).toHaveBeenCalledTimes(1);
    expect(w.call).toHaveBeenCalledTimes(2);
  });

  it.each([{ refreshStatus: 503 }, { refreshStatus: 429 }, { refreshFails: true }])(
    "reports a renewal that could not be asked for (%o)",
    async (options) => {
      const w = world(options);
      await expect(w.tab()(url)).rejects.toBeInstanceOf(ApiError);
      expect(w.onSessionLost).not.toHaveBeenCalled();
    },
  );

  it("never renews because of a 403", async () => {
    const w = world();
    w.call.mockResolvedValue(new Response("no", { status: 403 }));
    expect((await w.tab()(url)).status).toBe(403);
    expect(w.refresh).not.toHaveBeenCalled();
  });
});
