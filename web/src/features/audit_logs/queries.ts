import { infiniteQueryOptions } from "@tanstack/react-query";
import type { components, paths } from "@/api/generated/rest";
import { rest } from "@/api/rest";
import { answerOf } from "@/features/api_keys/platform";

export type AuditRecord = components["schemas"]["AuditLogBody"];
export type AuditFilter = Pick<NonNullable<paths["/api/v1/audit-logs"]["get"]["parameters"]["query"]>, "actor" | "action" | "subject" | "start">;

const PAGE = 100;
const LARGE_PAGE = 1000;

const after = (cursor: string | null | undefined) => (cursor === undefined || cursor === null ? {} : { cursor });

export const auditLogOptions = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit-log", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => answerOf(await rest.GET("/api/v1/audit-logs", { params: { query: { ...filter, limit: PAGE, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

/** All that fits the filter, one record a line. */
export async function auditLogLines(filter: AuditFilter): Promise<Blob> {
  const lines: string[] = [];
  let cursor: string | null = null;
  do {
    const page: components["schemas"]["AuditLogListBody"] = await answerOf(await rest.GET("/api/v1/audit-logs", { params: { query: { ...filter, limit: LARGE_PAGE, ...after(cursor) } } }));
    lines.push(...page.data.map((record) => `${JSON.stringify(record)}\n`));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return new Blob(lines, { type: "application/x-ndjson" });
}
