import { errorOfResponse } from "@/api/errors";
import { rest } from "@/api/rest";
import { saveBlob } from "@/lib/save-blob";

const PAGE = 1000;

/** Saves all spans of a trace as one file, as the REST API gives them. */
export async function downloadTrace(project: string, traceId: string): Promise<void> {
  const spans: unknown[] = [];
  let cursor: string | null = null;
  do {
    const { data, error, response } = await page(project, traceId, cursor);
    if (!data) throw await errorOfResponse(new Response(JSON.stringify(error), response));
    spans.push(...data.data);
    cursor = data.next_cursor;
  } while (cursor !== null);

  saveBlob(new Blob([JSON.stringify({ data: spans }, null, 2)], { type: "application/json" }), `trace-${traceId}.json`);
}

function page(project: string, traceId: string, cursor: string | null) {
  return rest.GET("/v1/projects/{project_identifier}/spans", {
    params: { path: { project_identifier: project }, query: { trace_id: [traceId], limit: PAGE, ...(cursor !== null && { cursor }) } },
  });
}
