import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { execute, graphql, type ResultOf } from "@/api/graphql";

const TraceRow = graphql(`
  fragment TraceRow on Trace @_unmask {
    id
    traceId
    startTime
    latencyMs
    numSpans
    errorCount
    rootSpan {
      id
      name
      spanKind
      statusCode
      cumulativeTokenCountTotal
      input {
        truncatedValue
      }
      output {
        truncatedValue
      }
    }
  }
`);

const ProjectTracesQuery = graphql(
  `
    query ProjectTraces($id: ID!, $first: Int!, $after: String, $filter: String) {
      node(id: $id) {
        __typename
        ... on Project {
          id
          traces(first: $first, after: $after, filterCondition: $filter) {
            edges {
              node {
                ...TraceRow
              }
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
      }
    }
  `,
  [TraceRow],
);

export type TraceSummary = ResultOf<typeof TraceRow>;

export interface TracePage {
  readonly rows: readonly TraceSummary[];
  readonly next: string | null;
}

const PAGE = 50;

async function tracePage(projectId: string, filter: string, after: string | null, signal: AbortSignal): Promise<TracePage> {
  const { node } = await execute(ProjectTracesQuery, { id: projectId, first: PAGE, after, filter: filter || null }, signal);
  if (node.__typename !== "Project") throw new ApiError("notFound", "Not a project.");
  const { edges, pageInfo } = node.traces;
  return { rows: edges.map((edge) => edge.node), next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
}

/** The traces of a project that pass a filter, newest first, page by page. */
export function tracesOptions(projectId: string, filter: string) {
  return infiniteQueryOptions({
    queryKey: ["traces", projectId, filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => tracePage(projectId, filter, pageParam, signal),
    getNextPageParam: (page) => page.next,
    refetchOnWindowFocus: false,
  });
}

const LIVE_MS = 4000;

/** Only the newest page, asked again and again: what live mode costs does not grow with what was scrolled. */
export function newestTracesOptions(projectId: string, filter: string, live: boolean) {
  return queryOptions({
    queryKey: ["traces-newest", projectId, filter],
    queryFn: ({ signal }) => tracePage(projectId, filter, null, signal),
    enabled: live,
    refetchInterval: live ? LIVE_MS : false,
    staleTime: 0,
  });
}

const TraceQuery = graphql(`
  query Trace($projectId: ID!, $traceId: ID!, $first: Int!, $after: String) {
    node(id: $projectId) {
      __typename
      ... on Project {
        id
        name
        trace(traceId: $traceId) {
          id
          traceId
          startTime
          endTime
          latencyMs
          numSpans
          errorCount
          projectSessionId
          rootSpan {
            id
            name
            cumulativeTokenCountTotal
          }
          spans(first: $first, after: $after) {
            edges {
              node {
                id
                spanId
                parentId
                name
                spanKind
                statusCode
                startTime
                endTime
                latencyMs
                tokenCountTotal
              }
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
      }
    }
  }
`);

type TraceAnswer = Extract<ResultOf<typeof TraceQuery>["node"], { __typename: "Project" }>;
type TraceHead = Omit<NonNullable<TraceAnswer["trace"]>, "spans">;
export type TraceSpan = NonNullable<TraceAnswer["trace"]>["spans"]["edges"][number]["node"];
export type TraceDetail = TraceHead & { readonly spans: readonly TraceSpan[]; readonly projectName: string };

const SPANS_PAGE = 1000;

async function spansPage(projectId: string, traceId: string, after: string | null, signal: AbortSignal) {
  const { node } = await execute(TraceQuery, { projectId, traceId, first: SPANS_PAGE, after }, signal);
  if (node.__typename !== "Project" || !node.trace) throw new ApiError("notFound", "No such trace.");
  const { spans, ...head } = node.trace;
  return {
    head: { ...head, projectName: node.name },
    spans: spans.edges.map((edge) => edge.node),
    next: spans.pageInfo.hasNextPage ? spans.pageInfo.endCursor : null,
  };
}

/** A trace with all of its spans, without their contents. */
export function traceOptions(projectId: string, traceId: string) {
  return queryOptions({
    queryKey: ["trace", projectId, traceId],
    queryFn: async ({ signal }): Promise<TraceDetail> => {
      const first = await spansPage(projectId, traceId, null, signal);
      const spans = [...first.spans];
      for (let after = first.next; after !== null; ) {
        const page = await spansPage(projectId, traceId, after, signal);
        spans.push(...page.spans);
        after = page.next;
      }
      return { ...first.head, spans };
    },
    refetchOnWindowFocus: false,
  });
}

const FindTraceQuery = graphql(`
  query FindTrace($traceId: ID!) {
    projects(first: 100) {
      edges {
        node {
          id
          trace(traceId: $traceId) {
            id
          }
        }
      }
    }
  }
`);

/** The project that holds a trace of which only the id is known. */
export async function findProjectOfTrace(traceId: string): Promise<string | null> {
  const { projects } = await execute(FindTraceQuery, { traceId });
  return projects.edges.find((edge) => edge.node.trace !== null)?.node.id ?? null;
}
