import { useRouteError } from "react-router";
import { FailureState } from "@/components/states";

/** What is left when a page cannot be shown at all, e.g. after its files were replaced by a newer version. */
export function RouteError() {
  const error = useRouteError();
  return (
    <FailureState
      error={error}
      onRetry={() => {
        window.location.reload();
      }}
    />
  );
}
