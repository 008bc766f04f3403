import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { execute, graphql, type ResultOf } from "@/api/graphql";

const ProjectFields = graphql(`
  fragment ProjectFields on Project @_unmask {
    id
    name
    description
    startTime
    endTime
    traceCount
    recordCount
    tokenCountTotal
    createdAt
  }
`);

const ProjectsQuery = graphql(
  `
    query Projects($first: Int!, $after: String, $filter: ProjectFilter) {
      projects(first: $first, after: $after, sort: { col: endTime, dir: desc }, filter: $filter) {
        edges {
          node {
            ...ProjectFields
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [ProjectFields],
);

const ProjectQuery = graphql(
  `
    query Project($id: ID!) {
      node(id: $id) {
        __typename
        ... on Project {
          ...ProjectFields
        }
      }
    }
  `,
  [ProjectFields],
);

export type Project = ResultOf<typeof ProjectFields>;

const PAGE = 100;

export function projectsOptions(search: string) {
  return infiniteQueryOptions({
    queryKey: ["projects", search],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      execute(ProjectsQuery, { first: PAGE, after: pageParam, filter: search === "" ? null : { col: "name", value: search } }, signal),
    getNextPageParam: (page) => (page.projects.pageInfo.hasNextPage ? page.projects.pageInfo.endCursor : null),
  });
}

/** The id of the project that is called exactly this. */
export async function findProjectByName(name: string): Promise<string | null> {
  const { projects } = await execute(ProjectsQuery, { first: PAGE, after: null, filter: { col: "name", value: name } });
  return projects.edges.find((edge) => edge.node.name === name)?.node.id ?? null;
}

export function projectOptions(id: string) {
  return queryOptions({
    queryKey: ["project", id],
    queryFn: async ({ signal }): Promise<Project> => {
      const { node } = await execute(ProjectQuery, { id }, signal);
      if (node.__typename !== "Project") throw new ApiError("notFound", "Not a project.");
      return node;
    },
  });
}
