import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { paths } from "@/api/generated/rest";
import { fetchLines } from "@/api/lines";
import { queryClient } from "@/api/query-client";
import { rest } from "@/api/rest";
import { answerOf } from "@/features/api_keys/platform";
import { type AccessRecord, withNewest } from "./live";

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

const POLL_MS = 2000;

/**
 * The newest records as they come. Asked every two seconds, and not while nobody looks at the tab; what was seen before is
 * kept, up to a bound.
 */
export const liveLogOptions = (filter: AccessFilter, viewerId: string | undefined) =>
  queryOptions({
    queryKey: ["access-log-live", filter, viewerId],
    queryFn: async ({ queryKey, signal }) => {
      const page = await answerOf(await rest.GET("/api/v1/access-logs", { params: { query: { ...filter, limit: PAGE } }, signal }));
      return withNewest(queryClient.getQueryData<readonly AccessRecord[]>(queryKey) ?? [], page.data, viewerId);
    },
    refetchInterval: POLL_MS,
    refetchIntervalInBackground: false,
    staleTime: 0,
    gcTime: 0,
  });

/** All that fits the filter, one record a line. */
export const accessLogLines = (filter: AccessFilter): Promise<Blob> => fetchLines("/api/v1/access-logs", filter);
