import { errorOfResponse, networkError } from "@/api/errors";
import { serverPath } from "@/config";

export type LoginResult =
  | { readonly kind: "signedIn" }
  | { readonly kind: "refused" }
  | { readonly kind: "wait"; readonly seconds: number | null }
  | { readonly kind: "failed"; readonly message: string };

/** Signs in. Not through `authFetch`: here a 401 means a wrong password and renews nothing. */
export async function login(email: string, password: string): Promise<LoginResult> {
  let response: Response;
  try {
    response = await fetch(serverPath("/auth/login"), {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email, password }),
    });
  } catch (error) {
    return { kind: "failed", message: networkError(error).message };
  }
  if (response.ok) return { kind: "signedIn" };
  if (response.status === 401) return { kind: "refused" };
  if (response.status === 429) {
    const seconds = Number(response.headers.get("retry-after"));
    return { kind: "wait", seconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null };
  }
  return { kind: "failed", message: (await errorOfResponse(response)).message };
}
