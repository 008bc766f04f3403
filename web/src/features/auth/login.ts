import { errorOfResponse, networkError } from "@/api/errors";
import { markRenewed } from "@/api/session-loss";
import { serverPath } from "@/config";

interface Wait {
  readonly kind: "wait";
  readonly seconds: number | null;
}

interface Failed {
  readonly kind: "failed";
  readonly message: string;
}

export type LoginResult = { readonly kind: "signedIn" } | { readonly kind: "refused" } | Wait | Failed;

/** Asks without a session. Not through `authFetch`: here a 401 means a wrong password and renews nothing. */
async function post(path: string, body: Readonly<Record<string, string>>): Promise<Response | Failed> {
  try {
    return await fetch(serverPath(path), {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
    });
  } catch (error) {
    return { kind: "failed", message: networkError(error).message };
  }
}

async function otherwise(response: Response): Promise<Wait | Failed> {
  if (response.status === 429) {
    const seconds = Number(response.headers.get("retry-after"));
    return { kind: "wait", seconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null };
  }
  return { kind: "failed", message: (await errorOfResponse(response)).message };
}

export async function login(email: string, password: string): Promise<LoginResult> {
  const response = await post("/auth/login", { email, password });
  if (!(response instanceof Response)) return response;
  if (response.ok) {
    markRenewed(Date.now());
    return { kind: "signedIn" };
  }
  return response.status === 401 ? { kind: "refused" } : otherwise(response);
}

export type ResetMailResult = { readonly kind: "asked" } | { readonly kind: "noMail" } | Wait | Failed;

/** Asks for a link to choose a new password. Whether there is such an account stays with the server. */
export async function requestPasswordReset(email: string): Promise<ResetMailResult> {
  const response = await post("/auth/password-reset-email", { email });
  if (!(response instanceof Response)) return response;
  if (response.ok) return { kind: "asked" };
  return response.status === 503 ? { kind: "noMail" } : otherwise(response);
}

export type ResetResult = { readonly kind: "changed" } | { readonly kind: "invalidLink" } | Wait | Failed;

/** Sets a password with the token of such a link. */
export async function resetPassword(token: string, password: string): Promise<ResetResult> {
  const response = await post("/auth/password-reset", { token, password });
  if (!(response instanceof Response)) return response;
  if (response.ok) return { kind: "changed" };
  return response.status === 401 ? { kind: "invalidLink" } : otherwise(response);
}
