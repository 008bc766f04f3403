import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Section } from "@/components/page";
import { FailureState, NoAccess, SkeletonRows } from "@/components/states";
import { config } from "@/config";
import { PlainSystemKeys } from "@/features/api_keys/plain-system-keys";
import { platformOptions } from "@/features/api_keys/platform";
import { SystemKeys } from "@/features/api_keys/system-keys";
import { isAdmin, viewerOptions } from "@/features/auth/session";

export function Component() {
  const allowed = isAdmin(useQuery(viewerOptions).data);
  const platform = useQuery({ ...platformOptions, enabled: allowed });
  if (platform.data === true) return <SystemKeys />;
  if (platform.data === false) return <PlainSystemKeys />;
  return (
    <Section title="API keys" width="table">
      {!config.authenticationEnabled ? (
        <NoAccess title="There are no keys here">Keys exist only on servers with authentication turned on. This one lets everybody in.</NoAccess>
      ) : !allowed ? (
        <NoAccess>
          System keys are managed by administrators. For your own work you can have <Link to="/profile/api-keys">keys of your own</Link>.
        </NoAccess>
      ) : platform.isError ? (
        <FailureState error={platform.error} onRetry={() => void platform.refetch()} />
      ) : (
        <SkeletonRows rows={5} label="Loading keys" />
      )}
    </Section>
  );
}
