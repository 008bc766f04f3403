import "@/styles/tokens.css";
import "@/styles/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient, shownByPage } from "@/api/query-client";
import { config } from "@/config";
import { SessionKeeper } from "@/features/auth/session-keeper";
import { viewerOptions } from "@/features/auth/session";
import { Explorer } from "@/features/graphql_explorer/explorer";

// Whose page it is has to be known before the session ends, so that a half-written query survives that.
if (config.authenticationEnabled) queryClient.query(viewerOptions).catch(shownByPage);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Explorer />
      <SessionKeeper />
    </StrictMode>,
  );
}
