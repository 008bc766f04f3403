import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { errorOfResponse } from "@/api/errors";
import type { components, paths } from "@/api/generated/rest";
import { queryClient } from "@/api/query-client";
import { rest } from "@/api/rest";
import { answerOf } from "@/features/api_keys/platform";

export type Alert = components["schemas"]["AlertBody"];
export type Destination = components["schemas"]["AlertDestinationBody"];
export type DestinationWithSecret = components["schemas"]["AlertDestinationWithSecretBody"];
export type NewDestination = components["schemas"]["CreateAlertDestinationBody"];
export type DestinationPatch = components["schemas"]["PatchAlertDestinationBody"];
export type Delivery = components["schemas"]["AlertDeliveryBody"];
export type AlertFilter = Pick<NonNullable<paths["/api/v1/alerts"]["get"]["parameters"]["query"]>, "status" | "kind">;

const ALERTS = "alerts";
const DESTINATIONS = "alert-destinations";
const PAGE = 100;
const SHORT_PAGE = 10;
/** The server looks once a minute. */
const LOOK_MS = 30_000;

const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const alertsOptions = (filter: AlertFilter) =>
  infiniteQueryOptions({
    queryKey: [ALERTS, "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => answerOf(await rest.GET("/api/v1/alerts", { params: { query: { ...filter, limit: PAGE, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: LOOK_MS,
  });

export const openAlertsOfKeyOptions = (keyId: string) =>
  queryOptions({
    queryKey: [ALERTS, "of-key", keyId],
    queryFn: async ({ signal }) =>
      answerOf(await rest.GET("/api/v1/api-keys/{api_key_id}/alerts", { params: { path: { api_key_id: keyId }, query: { status: "open", limit: SHORT_PAGE } }, signal })),
  });

export const destinationsOptions = queryOptions({
  queryKey: [DESTINATIONS, "list"],
  queryFn: async ({ signal }) => (await answerOf(await rest.GET("/api/v1/alert-destinations", { signal }))).data,
});

const path = (id: string) => ({ path: { destination_id: id } });

export const deliveriesOptions = (id: string) =>
  infiniteQueryOptions({
    queryKey: [DESTINATIONS, "deliveries", id],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      answerOf(await rest.GET("/api/v1/alert-destinations/{destination_id}/deliveries", { params: { ...path(id), query: { limit: SHORT_PAGE, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });

/** One is gone: what it was told must not be asked for any more. */
export function destinationRemoved(): void {
  void queryClient.invalidateQueries({ queryKey: [DESTINATIONS, "list"] });
}

export function destinationsChanged(): void {
  void queryClient.invalidateQueries({ queryKey: [DESTINATIONS] });
}

/** Returns the destination with its secret, if it has one: the only time that anybody sees it. */
export async function createDestination(body: NewDestination): Promise<DestinationWithSecret> {
  return answerOf(await rest.POST("/api/v1/alert-destinations", { body }));
}

export async function patchDestination(id: string, body: DestinationPatch): Promise<Destination> {
  return answerOf(await rest.PATCH("/api/v1/alert-destinations/{destination_id}", { params: path(id), body }));
}

/** Returns the destination with its new secret: the only time that anybody sees it. */
export async function rotateSecret(id: string): Promise<DestinationWithSecret> {
  return answerOf(await rest.POST("/api/v1/alert-destinations/{destination_id}/rotate-secret", { params: path(id) }));
}

export async function testDestination(id: string): Promise<Delivery> {
  return answerOf(await rest.POST("/api/v1/alert-destinations/{destination_id}/test", { params: path(id) }));
}

export async function removeDestination(id: string): Promise<void> {
  const { error, response } = await rest.DELETE("/api/v1/alert-destinations/{destination_id}", { params: path(id) });
  if (!response.ok) throw await errorOfResponse(new Response(JSON.stringify(error ?? null), response));
}
