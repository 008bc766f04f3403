import { infiniteQueryOptions } from "@tanstack/react-query";
import type { components, paths } from "@/api/generated/rest";
import { fetchLines } from "@/api/lines";
import { rest } from "@/api/rest";
import { answerOf } from "@/features/api_keys/platform";

export type AuditRecord = components["schemas"]["AuditLogBody"];
export type AuditFilter = Pick<NonNullable<paths["/api/v1/audit-logs"]["get"]["parameters"]["query"]>, "actor" | "action" | "subject" | "start">;

const PAGE = 100;

const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const auditLogOptions = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit-log", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => answerOf(await rest.GET("/api/v1/audit-logs", { params: { query: { ...filter, limit: PAGE, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

/** All that fits the filter, one record a line. */
export const auditLogLines = (filter: AuditFilter): Promise<Blob> => fetchLines("/api/v1/audit-logs", filter);
