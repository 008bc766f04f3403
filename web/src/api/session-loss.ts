import { config } from "@/config";
import { currentReturnUrl, loginUrl } from "@/lib/return-url";

/** Why a session ended, as far as the server tells. */
export type LossReason = "deactivated" | "unknown";

/** Reads it off the challenge of a refused call (RFC 6750, section 3). */
export function lossReasonOf(response: Response): LossReason {
  return /error_description="[^"]*deactivated/i.test(response.headers.get("www-authenticate") ?? "") ? "deactivated" : "unknown";
}

/** What `createSessionLoss` needs of the browser; tests bring their own. */
interface SessionLossParts {
  /** Goes to the login page. */
  readonly leave: () => void;
}

/**
 * The time between a session that has ended and the next one. While a page is up that can ask the visitor to sign in
 * again, calls wait here; without one there is nothing to lose, and the visitor goes to the login page.
 */
export function createSessionLoss({ leave }: SessionLossParts) {
  const listeners = new Set<() => void>();
  let canAsk: (() => boolean) | null = null;
  let why: LossReason = "unknown";
  let waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  const changed = () => {
    for (const listener of listeners) listener();
  };

  return {
    /** Settles once there is a session again. */
    lost: (reason: LossReason = "unknown"): Promise<void> => {
      if (canAsk?.() !== true) {
        leave();
        // The page is being left: an answer would only flash an error.
        return new Promise(() => undefined);
      }
      if (waiting === null) {
        let resolve: () => void = () => undefined;
        const promise = new Promise<void>((settle) => {
          resolve = settle;
        });
        waiting = { promise, resolve };
        why = reason;
        changed();
      }
      return waiting.promise;
    },
    /** Lets the waiting calls go on. */
    restored: (): void => {
      const { resolve } = waiting ?? {};
      waiting = null;
      resolve?.();
      changed();
    },
    isLost: (): boolean => waiting !== null,
    /** Why it was lost last. */
    reason: (): LossReason => why,
    /** Announces somebody who can ask the visitor to sign in, and when that makes sense. */
    attach: (mayAsk: () => boolean): (() => void) => {
      canAsk = mayAsk;
      return () => {
        canAsk = null;
      };
    },
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** Leaves for the login page, to come back here afterwards. */
export function leaveForLogin(): void {
  window.location.assign(loginUrl(config.basename, currentReturnUrl(config.basename)));
}

export const sessionLoss = createSessionLoss({ leave: leaveForLogin });

const RENEWED_AT = "phoenix.session.renewed_at";
const SIGNED_OUT_AT = "phoenix.session.signed_out_at";

/** When any tab last renewed the session or signed in, in epoch milliseconds. */
export function renewedAt(): number {
  try {
    return Number(localStorage.getItem(RENEWED_AT) ?? 0);
  } catch {
    return 0;
  }
}

export function markRenewed(at: number): void {
  try {
    localStorage.setItem(RENEWED_AT, String(at));
  } catch {
    // Without storage each tab renews on its own.
  }
}

/** Tells the other tabs that the visitor has signed out here. */
export function markSignedOut(): void {
  try {
    localStorage.setItem(SIGNED_OUT_AT, String(Date.now()));
  } catch {
    // Without storage the other tabs learn it from their next call.
  }
}

/** Calls back when another tab has renewed the session or signed in, or has signed out. */
export function onOtherTab(heard: { readonly renewed: () => void; readonly signedOut: () => void }): () => void {
  const onStorage = (event: StorageEvent) => {
    if (event.newValue === null) return;
    if (event.key === RENEWED_AT) heard.renewed();
    else if (event.key === SIGNED_OUT_AT) heard.signedOut();
  };
  window.addEventListener("storage", onStorage);
  return () => {
    window.removeEventListener("storage", onStorage);
  };
}
