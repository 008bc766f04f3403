import { queryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf, type VariablesOf } from "@/api/graphql";

const SystemApiKeysQuery = graphql(`
  query SystemApiKeys {
    systemApiKeys {
      id
      name
      description
      createdAt
      expiresAt
    }
  }
`);

const OwnApiKeysQuery = graphql(`
  query OwnApiKeys {
    viewer {
      id
      apiKeys {
        id
        name
        description
        createdAt
        expiresAt
      }
    }
  }
`);

const CreateSystemApiKeyMutation = graphql(`
  mutation CreateSystemApiKey($input: CreateApiKeyInput!) {
    createSystemApiKey(input: $input) {
      jwt
      apiKey {
        id
        name
      }
    }
  }
`);

const CreateUserApiKeyMutation = graphql(`
  mutation CreateUserApiKey($input: CreateUserApiKeyInput!) {
    createUserApiKey(input: $input) {
      jwt
      apiKey {
        id
        name
      }
    }
  }
`);

const DeleteSystemApiKeyMutation = graphql(`
  mutation DeleteSystemApiKey($input: DeleteApiKeyInput!) {
    deleteSystemApiKey(input: $input) {
      apiKeyId
    }
  }
`);

const DeleteUserApiKeyMutation = graphql(`
  mutation DeleteUserApiKey($input: DeleteApiKeyInput!) {
    deleteUserApiKey(input: $input) {
      apiKeyId
    }
  }
`);

export type ApiKey = ResultOf<typeof SystemApiKeysQuery>["systemApiKeys"][number];
export type NewApiKey = VariablesOf<typeof CreateSystemApiKeyMutation>["input"];

export const systemApiKeysOptions = queryOptions({
  queryKey: ["system-api-keys"],
  queryFn: async ({ signal }) => (await execute(SystemApiKeysQuery, {}, signal)).systemApiKeys,
});

export const ownApiKeysOptions = queryOptions({
  queryKey: ["own-api-keys"],
  queryFn: async ({ signal }): Promise<ApiKey[]> => (await execute(OwnApiKeysQuery, {}, signal)).viewer?.apiKeys ?? [],
});

/** Returns the key itself: the only time that anybody sees it. */
export async function createSystemApiKey(input: NewApiKey): Promise<string> {
  return (await execute(CreateSystemApiKeyMutation, { input })).createSystemApiKey.jwt;
}

/** Returns the key itself: the only time that anybody sees it. */
export async function createUserApiKey(input: NewApiKey): Promise<string> {
  return (await execute(CreateUserApiKeyMutation, { input })).createUserApiKey.jwt;
}

export async function revokeSystemApiKey(id: string): Promise<void> {
  await execute(DeleteSystemApiKeyMutation, { input: { id } });
}

export async function revokeUserApiKey(id: string): Promise<void> {
  await execute(DeleteUserApiKeyMutation, { input: { id } });
}
