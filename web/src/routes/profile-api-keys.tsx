import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Section } from "@/components/page";
import { FailureState, SkeletonRows, State } from "@/components/states";
import { CreateKeyDialog, KeyShownOnce, RevokeKeyDialog } from "@/features/api_keys/key-dialogs";
import { KeyTable } from "@/features/api_keys/key-table";
import { type ApiKey, createUserApiKey, ownApiKeysOptions, revokeUserApiKey } from "@/features/api_keys/queries";
import { viewerOptions } from "@/features/auth/session";

export function Component() {
  const role = useQuery(viewerOptions).data?.role.name;
  const query = useQuery(ownApiKeysOptions);
  const [params, setParams] = useSearchParams();
  const [shown, setShown] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const readsOnly = role === "VIEWER";

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
      intro="Your own keys act with your role, and end with your account. Use them for your own scripts and notebooks."
      actions={query.isSuccess && query.data.length > 0 && create}
    >
      {query.isPending ? (
        <SkeletonRows rows={4} label="Loading keys" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <State icon={KeyRound} title="You have no keys yet" actions={create}>
          {readsOnly ? "A key lets a script read what you can read." : "A key lets a script or a notebook send and read traces in your name."}
        </State>
      ) : (
        <KeyTable caption="Your API keys" keys={query.data} onRevoke={setRevoking} />
      )}
      <CreateKeyDialog
        title="New key of your own"
        intro={readsOnly ? "It may do what you may do: as a viewer, read only." : undefined}
        isOpen={params.get("create") === "1"}
        create={createUserApiKey}
        onClose={() => {
          setCreating(false);
        }}
        onCreated={(key) => {
          void queryClient.invalidateQueries(ownApiKeysOptions);
          setCreating(false);
          setShown(key);
        }}
      />
      <KeyShownOnce
        value={shown}
        readsOnly={readsOnly}
        onClose={() => {
          setShown(null);
        }}
      />
      <RevokeKeyDialog
        target={revoking}
        revoke={revokeUserApiKey}
        onRevoked={(key) => {
          queryClient.setQueryData(ownApiKeysOptions.queryKey, (keys) => keys?.filter((one) => one.id !== key.id));
          void queryClient.invalidateQueries(ownApiKeysOptions);
        }}
        onClose={() => {
          setRevoking(null);
        }}
      />
    </Section>
  );
}
