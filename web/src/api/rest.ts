import createClient from "openapi-fetch";
import { config } from "@/config";
import { authFetch } from "./auth-fetch";
import type { paths } from "./generated/rest";

const baseUrl = `${window.location.origin}${config.basename}`;

/** The REST API, typed by its own document. */
export const rest = createClient<paths>({ baseUrl, fetch: authFetch });

/** The same for what needs no session: a refusal neither renews one nor asks for one. */
export const publicRest = createClient<paths>({ baseUrl });
