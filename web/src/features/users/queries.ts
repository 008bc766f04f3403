import { queryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { execute, graphql, type ResultOf, type VariablesOf } from "@/api/graphql";

const UsersQuery = graphql(`
  query Users($first: Int!, $after: String) {
    users(first: $first, after: $after) {
      edges {
        node {
          id
          username
          email
          role {
            name
          }
          authMethod
          isActive
          passwordNeedsReset
          lastLoginAt
          apiKeyCount
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const UserAccessQuery = graphql(`
  query UserAccess($id: ID!) {
    node(id: $id) {
      ... on User {
        id
        createdAt
        apiKeys {
          id
          name
          description
          createdAt
          expiresAt
        }
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
  }
`);

const CreateUserMutation = graphql(`
  mutation CreateUser($input: CreateUserInput!) {
    createUser(input: $input) {
      user {
        id
      }
    }
  }
`);

const PatchUserMutation = graphql(`
  mutation PatchUser($input: PatchUserInput!) {
    patchUser(input: $input) {
      user {
        id
      }
    }
  }
`);

const DeleteUsersMutation = graphql(`
  mutation DeleteUsers($input: DeleteUsersInput!) {
    deleteUsers(input: $input) {
      userIds
    }
  }
`);

export type User = ResultOf<typeof UsersQuery>["users"]["edges"][number]["node"];
export type NewUser = VariablesOf<typeof CreateUserMutation>["input"];
export type UserPatch = Omit<VariablesOf<typeof PatchUserMutation>["input"], "userId">;

const PAGE = 200;

/** Everybody: who is the last administrator can only be said by looking at all. */
export const usersOptions = queryOptions({
  queryKey: ["users"],
  queryFn: async ({ signal }) => {
    const users: User[] = [];
    let after: string | null = null;
    do {
      const page: ResultOf<typeof UsersQuery>["users"] = (await execute(UsersQuery, { first: PAGE, after }, signal)).users;
      users.push(...page.edges.map((edge) => edge.node));
      after = page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? null) : null;
    } while (after !== null);
    // The system is nobody who signs in.
    return users.filter((user) => user.role.name !== "SYSTEM");
  },
});

/** The keys and sessions of one user. */
export const userAccessOptions = (id: string) =>
  queryOptions({
    queryKey: ["user-access", id],
    queryFn: async ({ signal }) => {
      const { node } = await execute(UserAccessQuery, { id }, signal);
      if (!("apiKeys" in node)) throw new ApiError("notFound", "There is no such user.");
      return node;
    },
  });

export async function createUser(input: NewUser): Promise<void> {
  await execute(CreateUserMutation, { input });
}

export async function patchUser(userId: string, patch: UserPatch): Promise<void> {
  await execute(PatchUserMutation, { input: { userId, ...patch } });
}

export async function deleteUser(userId: string): Promise<void> {
  await execute(DeleteUsersMutation, { input: { userIds: [userId] } });
}
