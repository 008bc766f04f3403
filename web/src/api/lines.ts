import { serverPath } from "@/config";
import { authFetch } from "./auth-fetch";
import { errorOfResponse, networkError } from "./errors";

/** All rows of a list, one JSON document a line, as the server streams them. */
export async function fetchLines(path: string, filter: Readonly<Record<string, string>>): Promise<Blob> {
  const response = await authFetch(serverPath(`${path}?${new URLSearchParams(filter).toString()}`), { headers: { accept: "application/x-ndjson" } });
  if (!response.ok) throw await errorOfResponse(response);
  return response.blob().catch((cause: unknown) => {
    throw networkError(cause);
  });
}
