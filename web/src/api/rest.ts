import createClient from "openapi-fetch";
import { config } from "@/config";
import { authFetch } from "./auth-fetch";
import type { paths } from "./generated/rest";

/** The REST API, typed by its own document. */
export const rest = createClient<paths>({ baseUrl: `${window.location.origin}${config.basename}`, fetch: authFetch });
