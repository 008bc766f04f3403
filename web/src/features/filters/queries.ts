import { queryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf } from "@/api/graphql";

const ValidateQuery = graphql(`
  query ValidateTraceFilter($id: ID!, $condition: String!) {
    node(id: $id) {
      __typename
      ... on Project {
        id
        validateTraceFilterCondition(condition: $condition) {
          isValid
          errorMessage
          errorAt
        }
      }
    }
  }
`);

type ProjectAnswer = Extract<ResultOf<typeof ValidateQuery>["node"], { __typename: "Project" }>;
export type Verdict = ProjectAnswer["validateTraceFilterCondition"];

/** Whether a filter for traces can be used, and if not, why. */
export function verdictOptions(projectId: string, condition: string) {
  return queryOptions({
    queryKey: ["filter-verdict", projectId, condition],
    queryFn: async ({ signal }): Promise<Verdict> => {
      const { node } = await execute(ValidateQuery, { id: projectId, condition }, signal);
      if (node.__typename !== "Project") throw new Error("not a project");
      return node.validateTraceFilterCondition;
    },
    staleTime: Infinity,
    retry: false,
    refetchOnWindowFocus: false,
  });
}
