import { queryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { execute, graphql, type ResultOf } from "@/api/graphql";

const SpanQuery = graphql(`
  query SpanDetails($id: ID!) {
    node(id: $id) {
      __typename
      ... on Span {
        id
        name
        spanKind
        statusCode
        statusMessage
        startTime
        endTime
        latencyMs
        parentId
        spanId
        attributes
        tokenCountTotal
        tokenCountPrompt
        tokenCountCompletion
        input {
          value
          mimeType
        }
        output {
          value
          mimeType
        }
        events {
          name
          message
          timestamp
          attributes
        }
      }
    }
  }
`);

export type SpanDetails = Extract<ResultOf<typeof SpanQuery>["node"], { __typename: "Span" }>;
export type SpanEvent = SpanDetails["events"][number];

/** Everything about one span. */
export function spanOptions(id: string) {
  return queryOptions({
    queryKey: ["span", id],
    queryFn: async ({ signal }): Promise<SpanDetails> => {
      const { node } = await execute(SpanQuery, { id }, signal);
      if (node.__typename !== "Span") throw new ApiError("notFound", "Not a span.");
      return node;
    },
    staleTime: 5 * 60_000,
  });
}
