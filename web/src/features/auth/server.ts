import { queryOptions } from "@tanstack/react-query";
import { errorOfResponse } from "@/api/errors";
import { publicRest } from "@/api/rest";

/** What this server is and how one signs in to it; told to visitors, too. */
export const serverOptions = queryOptions({
  queryKey: ["server"],
  queryFn: async ({ signal }) => {
    const { data, error, response } = await publicRest.GET("/v1/server", { signal });
    if (!data) throw await errorOfResponse(new Response(JSON.stringify(error), response));
    return data;
  },
  staleTime: 300_000,
});
