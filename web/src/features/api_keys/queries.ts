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

const DeleteSystemApiKeyMutation = graphql(`
  mutation DeleteSystemApiKey($input: DeleteApiKeyInput!) {
    deleteSystemApiKey(input: $input) {
      apiKeyId
    }
  }
`);

export type SystemApiKey = ResultOf<typeof SystemApiKeysQuery>["systemApiKeys"][number];
export type NewSystemApiKey = VariablesOf<typeof CreateSystemApiKeyMutation>["input"];

export const systemApiKeysOptions = queryOptions({
  queryKey: ["system-api-keys"],
  queryFn: async ({ signal }) => (await execute(SystemApiKeysQuery, {}, signal)).systemApiKeys,
});

/** Returns the key itself: the only time that anybody sees it. */
export async function createSystemApiKey(input: NewSystemApiKey): Promise<string> {
  return (await execute(CreateSystemApiKeyMutation, { input })).createSystemApiKey.jwt;
}

export async function revokeSystemApiKey(id: string): Promise<void> {
  await execute(DeleteSystemApiKeyMutation, { input: { id } });
}
