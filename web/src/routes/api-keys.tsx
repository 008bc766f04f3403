import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Section } from "@/components/page";
import { FailureState, NoAccess, SkeletonRows, State } from "@/components/states";
import { config } from "@/config";
import { CreateKeyDialog, KeyShownOnce, RevokeKeyDialog } from "@/features/api_keys/key-dialogs";
import { KeyTable } from "@/features/api_keys/key-table";
import { type ApiKey, createSystemApiKey, revokeSystemApiKey, systemApiKeysOptions } from "@/features/api_keys/queries";
import { isAdmin, viewerOptions } from "@/features/auth/session";

export function Component() {
  const viewer = useQuery(viewerOptions);
  const allowed = isAdmin(viewer.data);
  const query = useQuery({ ...systemApiKeysOptions, enabled: allowed });
  const [params, setParams] = useSearchParams();
  const creating = params.get("create") === "1";
  const [shown, setShown] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);

  const setCreating = (open: boolean) => {
    setParams(open ? { create: "1" } : {}, { replace: true });
  };

  const create = (
    <Button
      variant="primary"
      icon={Plus}
      onClick={() => {
        setCreating(true);
      }}
    >
      New key
    </Button>
  );

  return (
    <Section
      title="API keys"
      width="table"
      intro={allowed && "System keys belong to no person and survive whoever made them: one for each service that sends or reads traces."}
      actions={allowed && query.isSuccess && query.data.length > 0 && create}
    >
      {!config.authenticationEnabled ? (
        <NoAccess title="There are no keys here">Keys exist only on servers with authentication turned on. This one lets everybody in.</NoAccess>
      ) : !allowed ? (
        <NoAccess>
          System keys are managed by administrators. For your own work you can have <Link to="/profile/api-keys">keys of your own</Link>.
        </NoAccess>
      ) : query.isPending ? (
        <SkeletonRows rows={5} label="Loading keys" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <State icon={KeyRound} title="No system keys yet" actions={create}>
          Make the first one, and give it to a service as <code>PHOENIX_API_KEY</code>.
        </State>
      ) : (
        <KeyTable caption="System API keys" keys={query.data} onRevoke={setRevoking} />
      )}
      <CreateKeyDialog
        title="New system key"
        isOpen={creating && allowed}
        create={createSystemApiKey}
        onClose={() => {
          setCreating(false);
        }}
        onCreated={(key) => {
          void queryClient.invalidateQueries(systemApiKeysOptions);
          setCreating(false);
          setShown(key);
        }}
      />
      <KeyShownOnce
        value={shown}
        onClose={() => {
          setShown(null);
        }}
      />
      <RevokeKeyDialog
        target={revoking}
        revoke={revokeSystemApiKey}
        onRevoked={(key) => {
          queryClient.setQueryData(systemApiKeysOptions.queryKey, (keys) => keys?.filter((one) => one.id !== key.id));
          void queryClient.invalidateQueries(systemApiKeysOptions);
        }}
        onClose={() => {
          setRevoking(null);
        }}
      />
    </Section>
  );
}
