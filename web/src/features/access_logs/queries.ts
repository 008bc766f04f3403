import { infiniteQueryOptions } from "@tanstack/react-query";
import { authFetch } from "@/api/auth-fetch";
import { errorOfResponse } from "@/api/errors";
import type { components, paths } from "@/api/generated/rest";
import { rest } from "@/api/rest";
import { serverPath } from "@/config";
import { answerOf } from "@/features/api_keys/platform";

export type AccessRecord = components["schemas"]["AccessLog"];
export type AccessFilter = Pick<NonNullable<paths["/api/v1/access-logs"]["get"]["parameters"]["query"]>, "key" | "user" | "status" | "method" | "start">;

const PAGE = 100;
const PAGE_OF_KEY = 10;

const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const accessLogOptions = (filter: AccessFilter) =>
  infiniteQueryOptions({
    queryKey: ["access-log", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => answerOf(await rest.GET("/api/v1/access-logs", { params: { query: { ...filter, limit: PAGE, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

export const keyLogOptions = (keyId: string) =>
  infiniteQueryOptions({
    queryKey: ["access-log-of-key", keyId],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      answerOf(await rest.GET("/api/v1/api-keys/{api_key_id}/logs", { params: { path: { api_key_id: keyId }, query: { limit: PAGE_OF_KEY, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

/** All that fits the filter, one record a line. */
export async function accessLogLines(filter: AccessFilter): Promise<Blob> {
  const query = new URLSearchParams(Object.entries(filter));
  const response = await authFetch(serverPath(`/api/v1/access-logs?${query.toString()}`), { headers: { accept: "application/x-ndjson" } });
  if (!response.ok) throw await errorOfResponse(response);
  return response.blob();
}
