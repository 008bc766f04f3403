import type { components } from "@/api/generated/rest";

export type AccessRecord = components["schemas"]["AccessLog"];

/** Records that a page shows while it follows the log. */
const MOST = 500;

/** What a page that follows the log asks for by itself; shown, it would fill the page it asks for. */
const isOwnQuestion = ({ path, principal }: AccessRecord, viewerId: string | undefined) => viewerId !== undefined && principal.type === "session" && principal.userId === viewerId && path === "/api/v1/access-logs";

/** What was seen and what is new, the newest first. */
export function withNewest(seen: readonly AccessRecord[], newest: readonly AccessRecord[], viewerId: string | undefined): readonly AccessRecord[] {
  const known = new Set(seen.map((record) => record.id));
  const fresh = newest.filter((record) => !known.has(record.id) && !isOwnQuestion(record, viewerId));
  return [...fresh, ...seen].sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp)).slice(0, MOST);
}
