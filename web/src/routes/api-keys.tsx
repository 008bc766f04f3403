import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Section } from "@/components/page";
import { NoAccess } from "@/components/states";
import { config } from "@/config";
import { SystemKeys } from "@/features/api_keys/system-keys";
import { isAdmin, viewerOptions } from "@/features/auth/session";

export function Component() {
  const allowed = isAdmin(useQuery(viewerOptions).data);
  if (allowed) return <SystemKeys />;
  return (
    <Section title="API keys" width="table">
      {!config.authenticationEnabled ? (
        <NoAccess title="There are no keys here">Keys exist only on servers with authentication turned on. This one lets everybody in.</NoAccess>
      ) : (
        <NoAccess>
          System keys are managed by administrators. For your own work you can have <Link to="/profile/api-keys">keys of your own</Link>.
        </NoAccess>
      )}
    </Section>
  );
}
