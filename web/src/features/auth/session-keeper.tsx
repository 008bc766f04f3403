import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from "react";
import { queryClient } from "@/api/query-client";
import { leaveForLogin, onOtherTab, sessionLoss } from "@/api/session-loss";
import { config, serverPath } from "@/config";
import { currentReturnUrl } from "@/lib/return-url";
import { viewerOptions, whoIsSignedIn } from "./session";
import { afterSigningInAgain } from "./sign-in-again";

const SessionDialog = lazy(() => import("./session-dialog"));

const known = () => queryClient.getQueryData(viewerOptions.queryKey) ?? null;

/** Compares who is signed in with whose page this is, and lets the waiting calls go on if it is the same person. */
async function goOn(): Promise<void> {
  const now = await whoIsSignedIn();
  switch (afterSigningInAgain(known(), now, currentReturnUrl(config.basename).replace(/[?#].*$/, ""))) {
    case "reload":
      window.location.reload();
      break;
    case "changePassword":
      window.location.assign(serverPath("/reset-password"));
      break;
    case "stay":
      queryClient.setQueryData(viewerOptions.queryKey, now);
      if (sessionLoss.isLost()) sessionLoss.restored();
      break;
  }
}

/** Keeps the page when its session ends: asks to sign in over it, and listens to what other tabs do. */
export function SessionKeeper() {
  const lost = useSyncExternalStore(sessionLoss.subscribe, sessionLoss.isLost);

  useEffect(() => sessionLoss.attach(() => known() !== null), []);

  useEffect(
    () =>
      onOtherTab({
        renewed: () => {
          // Somebody may have signed in there: the same person, or another. If that cannot be asked now, the next call will.
          if (known() !== null) void goOn().catch(() => undefined);
        },
        signedOut: () => {
          if (known() !== null) leaveForLogin();
        },
      }),
    [],
  );

  // Once fetched it stays: a dialog that is taken away instead of closed does not give the focus back.
  const [wanted, setWanted] = useState(false);
  if (lost && !wanted) setWanted(true);

  return <Suspense>{wanted && <SessionDialog isOpen={lost} reason={sessionLoss.reason()} email={known()?.email ?? ""} onSignedIn={goOn} onLeave={leaveForLogin} />}</Suspense>;
}
