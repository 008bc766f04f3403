import { queryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf } from "@/api/graphql";

const OwnSessionsQuery = graphql(`
  query OwnSessions {
    viewer {
      id
      sessions {
        id
        createdAt
        lastUsedAt
        expiresAt
        ipAddress
        userAgent
        isCurrent
      }
    }
  }
`);

const EndSessionsMutation = graphql(`
  mutation EndSessions($input: EndSessionsInput!) {
    endSessions(input: $input) {
      sessionIds
    }
  }
`);

export type LoginSession = NonNullable<ResultOf<typeof OwnSessionsQuery>["viewer"]>["sessions"][number];

export const ownSessionsOptions = queryOptions({
  queryKey: ["own-sessions"],
  queryFn: async ({ signal }) => (await execute(OwnSessionsQuery, {}, signal)).viewer?.sessions ?? [],
});

export async function endSessions(sessions: readonly LoginSession[]): Promise<void> {
  await execute(EndSessionsMutation, { input: { sessionIds: sessions.map((session) => session.id) } });
}
