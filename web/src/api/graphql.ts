import { print } from "@0no-co/graphql.web";
import { initGraphQLTada, type ResultOf, type TadaDocumentNode, type VariablesOf } from "gql.tada";
import { serverPath } from "@/config";
import { authFetch } from "./auth-fetch";
import { ApiError, errorOfResponse, failureOfGraphqlCode } from "./errors";
import type { introspection } from "./generated/graphql-env";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: unknown; CronExpression: string };
}>();

export type { ResultOf, VariablesOf };

interface GraphqlAnswer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: unknown } }[];
}

/** Runs one typed document. Any entry in `errors` fails the whole call: half an answer shows half a page. */
export async function execute<Data, Variables>(
  document: TadaDocumentNode<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
  via: typeof fetch = authFetch,
): Promise<Data> {
  const response = await via(serverPath("/graphql"), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query: print(document), variables }),
    signal: signal ?? null,
  });
  if (!response.ok) throw await errorOfResponse(response);
  const requestId = response.headers.get("x-request-id");
  const answer = (await response.json().catch(() => null)) as GraphqlAnswer<Data> | null;
  const failed = answer?.errors?.[0];
  if (failed !== undefined) {
    throw new ApiError(failureOfGraphqlCode(failed.extensions?.code), failed.message, { requestId });
  }
  if (answer?.data === undefined || answer.data === null) {
    throw new ApiError("server", "The server sent an answer that could not be read.", { requestId });
  }
  return answer.data;
}
