import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Section } from "@/components/page";
import { FailureState, SkeletonRows, State } from "@/components/states";
import { CreateKeyDialog, KeyShownOnce, RevokeKeyDialog } from "./key-dialogs";
import { KeyTable } from "./key-table";
import { type ApiKey, createSystemApiKey, revokeSystemApiKey, systemApiKeysOptions } from "./queries";

/** System keys on a server that knows no more of a key than its name. */
export function PlainSystemKeys() {
  const query = useQuery(systemApiKeysOptions);
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
      intro="System keys belong to no person and survive whoever made them: one for each service that sends or reads traces."
      actions={query.isSuccess && query.data.length > 0 && create}
    >
      {query.isPending ? (
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
        isOpen={creating}
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
