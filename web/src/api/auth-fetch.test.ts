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
  /** Signing in again makes the session valid; until then it never settles. */
  const signIn: { now: () => void } = { now: () => undefined };
  const onSessionLost = vi.fn(
    () =>
      new Promise<void>((resolve) => {
        signIn.now = () => {
          valid = true;
          resolve();
        };
      }),
  );
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
  return { parts, refresh, call, onSessionLost, signIn, bodies, expire: () => (valid = false), tab: () => createAuthFetch(parts) };
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

  it("asks for a new session when the renewal is refused", async () => {
    const w = world({ refreshStatus: 401 });
    void w.tab()(url);
    await vi.waitFor(() => {
      expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    });
    expect(w.call).toHaveBeenCalledTimes(1);
  });

  it("asks for a new session when the repeated call is refused too", async () => {
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

  it("repeats every waiting call after one new login, each with its body", async () => {
    const w = world({ refreshStatus: 401 });
    const authFetch = w.tab();
    const answers = Promise.all([1, 2, 3].map((n) => authFetch(url, { method: "POST", body: `call ${String(n)}` })));
    await vi.waitFor(() => {
      expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    });
    w.signIn.now();
    expect((await answers).map((a) => a.status)).toEqual([200, 200, 200]);
    expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    expect(w.bodies.slice(-3).sort()).toEqual(["call 1", "call 2", "call 3"]);
  });

  it("does not ask for a renewal while the visitor is being asked", async () => {
    const w = world({ refreshStatus: 401 });
    const authFetch = w.tab();
    const first = authFetch(url);
    await vi.waitFor(() => {
      expect(w.onSessionLost).toHaveBeenCalledTimes(1);
    });
    const second = authFetch(url);
    await vi.waitFor(() => {
      expect(w.call).toHaveBeenCalledTimes(2);
    });
    w.signIn.now();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(w.refresh).toHaveBeenCalledTimes(1);
  });

  it("asks again when the new session is lost as well", async () => {
    const w = world({ refreshStatus: 401 });
    const authFetch = w.tab();
    for (const times of [1, 2]) {
      w.expire();
      const answer = authFetch(url);
      await vi.waitFor(() => {
        expect(w.onSessionLost).toHaveBeenCalledTimes(times);
      });
      w.signIn.now();
      expect((await answer).status).toBe(200);
    }
  });

  it("gives up a waiting call whose caller has gone", async () => {
    const w = world({ refreshStatus: 401 });
    const caller = new AbortController();
    w.call.mockImplementation((request) =>
      request.signal.aborted ? Promise.reject(new DOMException("gone", "AbortError")) : Promise.resolve(new Response(null, { status: 401 })),
    );
    const answer = w.tab()(url, { signal: caller.signal });
    // However busy the machine: what is waited for is an event, not a time.
    await vi.waitFor(
      () => {
        expect(w.onSessionLost).toHaveBeenCalledTimes(1);
      },
      { timeout: 20_000, interval: 5 },
    );
    caller.abort();
    w.signIn.now();
    await expect(answer).rejects.toHaveProperty("name", "AbortError");
  }, 30_000);

  it("never renews because of a 403", async () => {
    const w = world();
    w.call.mockResolvedValue(new Response("no", { status: 403 }));
    expect((await w.tab()(url)).status).toBe(403);
    expect(w.refresh).not.toHaveBeenCalled();
  });
});
