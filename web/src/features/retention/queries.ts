import { infiniteQueryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf, type VariablesOf } from "@/api/graphql";
import { queryClient } from "@/api/query-client";

const PolicyFields = graphql(`
  fragment PolicyFields on ProjectTraceRetentionPolicy @_unmask {
    id
    name
    cronExpression
    rule {
      __typename
      ... on TraceRetentionRuleMaxDays {
        maxDays
      }
      ... on TraceRetentionRuleMaxCount {
        maxCount
      }
      ... on TraceRetentionRuleMaxDaysOrCount {
        maxDays
        maxCount
      }
    }
    projects(first: 100) {
      edges {
        node {
          id
          name
        }
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`);

const PoliciesQuery = graphql(
  `
    query RetentionPolicies($first: Int!, $after: String) {
      defaultProjectTraceRetentionPolicy {
        id
      }
      projectTraceRetentionPolicies(first: $first, after: $after) {
        edges {
          node {
            ...PolicyFields
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [PolicyFields],
);

const CreateMutation = graphql(`
  mutation CreateRetentionPolicy($input: CreateProjectTraceRetentionPolicyInput!) {
    createProjectTraceRetentionPolicy(input: $input) {
      node {
        id
      }
    }
  }
`);

const PatchMutation = graphql(`
  mutation PatchRetentionPolicy($input: PatchProjectTraceRetentionPolicyInput!) {
    patchProjectTraceRetentionPolicy(input: $input) {
      node {
        id
      }
    }
  }
`);

const DeleteMutation = graphql(`
  mutation DeleteRetentionPolicy($input: DeleteProjectTraceRetentionPolicyInput!) {
    deleteProjectTraceRetentionPolicy(input: $input) {
      node {
        id
      }
    }
  }
`);

export type Policy = ResultOf<typeof PolicyFields>;
export type NewPolicy = VariablesOf<typeof CreateMutation>["input"];
export type PolicyPatch = VariablesOf<typeof PatchMutation>["input"];

const POLICIES = "retention-policies";
const PAGE = 50;

export const policiesOptions = infiniteQueryOptions({
  queryKey: [POLICIES],
  initialPageParam: null as string | null,
  queryFn: ({ pageParam, signal }) => execute(PoliciesQuery, { first: PAGE, after: pageParam }, signal),
  getNextPageParam: (page) => (page.projectTraceRetentionPolicies.pageInfo.hasNextPage ? page.projectTraceRetentionPolicies.pageInfo.endCursor : null),
});

function changed(): void {
  void queryClient.invalidateQueries({ queryKey: [POLICIES] });
}

export async function createPolicy(input: NewPolicy): Promise<void> {
  await execute(CreateMutation, { input });
  changed();
}

export async function patchPolicy(input: PolicyPatch): Promise<void> {
  await execute(PatchMutation, { input });
  changed();
}

export async function deletePolicy(id: string): Promise<void> {
  await execute(DeleteMutation, { input: { id } });
  changed();
}
