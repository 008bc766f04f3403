import { config } from "@/config";
import { currentReturnUrl, loginUrl } from "@/lib/return-url";
import { networkError } from "./errors";

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
  readonly onSessionLost: () => void;
}

const REFRESH_TIMEOUT_MS = 10_000;

/**
 * The one door for calls to the server. A 401 renews the session once, for all callers and all tabs
 * together, and repeats the call; if that is refused the visitor goes to the login page. A renewal that
 * could not be asked for (network, 5xx, 429) says nothing about the session and is reported as an error.
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

  async function send(request: Request): Promise<Response> {
    try {
      return await parts.fetch(request);
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw networkError(error);
    }
  }

  return async function authFetch(input, init) {
    const request = new Request(input, { ...init, credentials: "same-origin" });
    const again = request.clone();
    const sentAt = parts.now();
    const first = await send(request);
    if (first.status !== 401 || !parts.authenticationEnabled) return first;

    let renewed: boolean;
    try {
      renewed = await renew(sentAt);
    } catch (error) {
      throw networkError(error);
    }
    if (renewed) {
      const second = await send(again);
      if (second.status !== 401) return second;
    }
    parts.onSessionLost();
    // The page is being left: an answer would only flash an error.
    return new Promise<Response>(() => undefined);
  };
}

const RENEWED_AT = "phoenix.session.renewed_at";

async function exclusivelyAcrossTabs(work: () => Promise<boolean>): Promise<boolean> {
  // Web Locks exist in secure contexts only; plain http on a LAN renews per tab.
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks === undefined ? work() : await locks.request("phoenix.session.renewal", work);
}

/** Leaves for the login page, to come back here afterwards. */
export function leaveForLogin(): void {
  window.location.assign(loginUrl(config.basename, currentReturnUrl(config.basename)));
}

export const authFetch = createAuthFetch({
  fetch: (input, init) => window.fetch(input, init),
  refreshUrl: `${config.basename}/auth/refresh`,
  authenticationEnabled: config.authenticationEnabled,
  exclusively: exclusivelyAcrossTabs,
  renewedAt: {
    get: () => {
      try {
        return Number(localStorage.getItem(RENEWED_AT) ?? 0);
      } catch {
        return 0;
      }
    },
    set: (at) => {
      try {
        localStorage.setItem(RENEWED_AT, String(at));
      } catch {
        // Without storage each tab renews on its own.
      }
    },
  },
  now: Date.now,
  onSessionLost: leaveForLogin,
});
