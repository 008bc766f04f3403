import { execute, graphql } from "@/api/graphql";

const DeleteUserApiKeyMutation = graphql(`
  mutation DeleteUserApiKey($input: DeleteApiKeyInput!) {
    deleteUserApiKey(input: $input) {
      apiKeyId
    }
  }
`);

/** A key as the panel of its owner shows it. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
}

export async function revokeUserApiKey(id: string): Promise<void> {
  await execute(DeleteUserApiKeyMutation, { input: { id } });
}
