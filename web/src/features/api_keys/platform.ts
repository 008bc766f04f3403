import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { errorOfResponse } from "@/api/errors";
import type { components } from "@/api/generated/rest";
import { queryClient } from "@/api/query-client";
import { rest } from "@/api/rest";
import type { UsageRange } from "./usage";

export type Key = components["schemas"]["KeyBody"];
export type KeyWithSecret = components["schemas"]["KeyWithSecretBody"];
export type NewKey = components["schemas"]["CreateKeyBody"];
export type KeyPatch = components["schemas"]["PatchKeyBody"];
export type KeyUsage = components["schemas"]["ApiKeyUsage"];

interface Answered<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** What was answered, or the reason why not. */
export async function answerOf<Data>({ data, error, response }: Answered<Data>): Promise<Data> {
  if (data !== undefined) return data;
  throw await errorOfResponse(new Response(JSON.stringify(error ?? null), response));
}

const KEYS = "key-platform";

export interface KeyFilter {
  readonly kind?: "user" | "system";
  readonly status?: "active" | "expired" | "revoked";
  readonly owner?: string;
}

const PAGE = 100;

export const keysOptions = (filter: KeyFilter) =>
  infiniteQueryOptions({
    queryKey: [KEYS, "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      answerOf(await rest.GET("/api/v1/api-keys", { params: { query: { ...filter, limit: PAGE, ...(pageParam !== undefined && { cursor: pageParam }) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

const path = (id: string) => ({ path: { api_key_id: id } });

export const keyOptions = (id: string) =>
  queryOptions({
    queryKey: [KEYS, "one", id],
    queryFn: async ({ signal }) => answerOf(await rest.GET("/api/v1/api-keys/{api_key_id}", { params: path(id), signal })),
  });

export const usageOptions = (id: string, range: UsageRange, start: string) =>
  queryOptions({
    queryKey: [KEYS, "usage", id, range.id],
    queryFn: async ({ signal }) =>
      answerOf(await rest.GET("/api/v1/api-keys/{api_key_id}/usage", { params: { ...path(id), query: { start, interval: range.interval } }, signal })),
  });

export function keysChanged(): void {
  void queryClient.invalidateQueries({ queryKey: [KEYS, "list"] });
  void queryClient.invalidateQueries({ queryKey: [KEYS, "one"] });
}

/** Returns the key with its secret: the only time that anybody sees it. */
export async function createKey(body: NewKey): Promise<KeyWithSecret> {
  return answerOf(await rest.POST("/api/v1/api-keys", { body }));
}

/** Returns the key with its new secret: the only time that anybody sees it. */
export async function rotateKey(id: string, gracePeriodSeconds: number): Promise<KeyWithSecret> {
  return answerOf(await rest.POST("/api/v1/api-keys/{api_key_id}/rotate", { params: path(id), body: { gracePeriodSeconds } }));
}

export async function patchKey(id: string, body: KeyPatch): Promise<Key> {
  return answerOf(await rest.PATCH("/api/v1/api-keys/{api_key_id}", { params: path(id), body }));
}

export async function revokeKey(id: string): Promise<void> {
  const { error, response } = await rest.DELETE("/api/v1/api-keys/{api_key_id}", { params: path(id) });
  if (!response.ok) throw await errorOfResponse(new Response(JSON.stringify(error ?? null), response));
}
