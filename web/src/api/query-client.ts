import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

/** For what is asked for ahead of a page: the page itself shows the error. */
export function shownByPage(): void {
  // Nothing to do here.
}

/** Server state lives here and nowhere else. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) =>
        count < 2 && error instanceof ApiError && (error.failure === "network" || error.failure === "server"),
    },
  },
});
