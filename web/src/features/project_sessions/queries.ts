import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { errorOfResponse } from "@/api/errors";
import type { components } from "@/api/generated/rest";
import { queryClient } from "@/api/query-client";
import { rest } from "@/api/rest";
import { answerOf } from "@/features/api_keys/platform";

export type ProjectSession = components["schemas"]["SessionData"];

const SESSIONS = "project-sessions";
const PAGE = 100;

/** The sessions of a project, last seen first. */
export const projectSessionsOptions = (projectId: string) =>
  infiniteQueryOptions({
    queryKey: [SESSIONS, "list", projectId],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      answerOf(
        await rest.GET("/v1/projects/{project_identifier}/sessions", {
          params: { path: { project_identifier: projectId }, query: { order: "desc", limit: PAGE, ...(pageParam === undefined ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const projectSessionOptions = (id: string) =>
  queryOptions({
    queryKey: [SESSIONS, "one", id],
    queryFn: async ({ signal }) => (await answerOf(await rest.GET("/v1/sessions/{session_identifier}", { params: { path: { session_identifier: id } }, signal }))).data,
  });

export async function deleteProjectSession(id: string): Promise<void> {
  const { error, response } = await rest.DELETE("/v1/sessions/{session_identifier}", { params: { path: { session_identifier: id } } });
  if (!response.ok) throw await errorOfResponse(new Response(JSON.stringify(error ?? null), response));
  // Its traces are gone from every list; the session itself must not be asked for.
  void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "trace" && queryKey[1] !== "one" });
}
