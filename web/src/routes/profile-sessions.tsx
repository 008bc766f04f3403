import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Section } from "@/components/page";
import { FailureState, SkeletonRows } from "@/components/states";
import { logout } from "@/features/auth/session";
import { EndDialog } from "@/features/sessions/end-dialog";
import { type LoginSession, ownSessionsOptions } from "@/features/sessions/queries";
import { SessionList } from "@/features/sessions/session-list";

export function Component() {
  const query = useQuery(ownSessionsOptions);
  const [ending, setEnding] = useState<readonly LoginSession[] | null>(null);
  const others = query.data?.filter((session) => !session.isCurrent) ?? [];

  return (
    <Section
      title="Sessions"
      width="text"
      intro="Where you are signed in. End what you do not recognise, and change your password then."
      actions={
        others.length > 0 && (
          <Button
            onClick={() => {
              setEnding(others);
            }}
          >
            End all others
          </Button>
        )
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={3} label="Loading sessions" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <SessionList
          label="Your sessions"
          sessions={query.data}
          onEnd={(session) => {
            if (session.isCurrent) logout();
            else setEnding([session]);
          }}
        />
      )}
      <EndDialog
        targets={ending}
        onEnded={() => {
          void queryClient.invalidateQueries(ownSessionsOptions);
        }}
        onClose={() => {
          setEnding(null);
        }}
      />
    </Section>
  );
}
