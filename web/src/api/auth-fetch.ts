import { config } from "@/config";
import { networkError } from "./errors";
import { type LossReason, lossReasonOf, markRenewed, renewedAt, sessionLoss } from "./session-loss";

/** What `createAuthFetch` needs of the browser; tests bring their own. */
export interface AuthFetchParts {
  readonly fetch: typeof fetch;
  readonly refreshUrl: string;
  readonly authenticationEnabled: boolean;
  /** Runs `work` while no other tab does the same. */
  readonly exclusively: (work: () => Promise<boolean>) => Promise<boolean>;
  /** When any tab last renewed the session, in epoch milliseconds. */
  readonly renewedAt: { get: () => number; set: (at: number) => void };
  readonly now: () => number;
  /** Settles once somebody has signed in again; never, if the page is being left. */
  readonly onSessionLost: (reason: LossReason) => Promise<void>;
}

const REFRESH_TIMEOUT_MS = 10_000;

/**
 * The one door for calls to the server. A 401 renews the session once, for all callers and all tabs
 * together, and repeats the call. If the renewal is refused, the call waits until the visitor has signed in
 * again and is repeated then: neither the page nor what was typed into it is lost. A renewal that could not
 * be asked for (network, 5xx, 429) says nothing about the session and is reported as an error.
 */
export function createAuthFetch(parts: AuthFetchParts): typeof fetch {
  let renewal: Promise<boolean> | null = null;

  async function askForRenewal(since: number): Promise<boolean> {
    return parts.exclusively(async () => {
      if (parts.renewedAt.get() >= since) return true;
      const response = await parts.fetch(parts.refreshUrl, {
        method: "POST",
        credentials: "same-origin",
        signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
      });
      if (response.ok) {
        parts.renewedAt.set(parts.now());
        return true;
      }
      if (response.status >= 500 || response.status === 429) {
        throw new Error(`The session could not be renewed (${String(response.status)}).`);
      }
      return false;
    });
  }

  function renew(since: number): Promise<boolean> {
    renewal ??= askForRenewal(since).finally(() => {
      renewal = null;
    });
    return renewal;
  }

  let loss: Promise<void> | null = null;

  /** One question to the visitor, however many calls wait for the answer. */
  function signedInAgain(reason: LossReason): Promise<void> {
    loss ??= parts.onSessionLost(reason).finally(() => {
      loss = null;
    });
    return loss;
  }

  async function send(request: Request): Promise<Response> {
    try {
      return await parts.fetch(request);
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw networkError(error);
    }
  }

  return async function authFetch(input, init) {
    let next = new Request(input, { ...init, credentials: "same-origin" });
    let mayRenew = true;
    for (;;) {
      const request = next;
      next = request.clone();
      const sentAt = parts.now();
      const response = await send(request);
      if (response.status !== 401 || !parts.authenticationEnabled) return response;

      if (mayRenew && loss === null) {
        mayRenew = false;
        try {
          if (await renew(sentAt)) continue;
        } catch (error) {
          throw networkError(error);
        }
      }
      await signedInAgain(lossReasonOf(response));
      mayRenew = true;
    }
  };
}

async function exclusivelyAcrossTabs(work: () => Promise<boolean>): Promise<boolean> {
  // Web Locks exist in secure contexts only; plain http on a LAN renews per tab.
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks === undefined ? work() : await locks.request("phoenix.session.renewal", work);
}

export const authFetch = createAuthFetch({
  fetch: (input, init) => window.fetch(input, init),
  refreshUrl: `${config.basename}/auth/refresh`,
  authenticationEnabled: config.authenticationEnabled,
  exclusively: exclusivelyAcrossTabs,
  renewedAt: { get: renewedAt, set: markRenewed },
  now: Date.now,
  onSessionLost: (reason) => sessionLoss.lost(reason),
});
