import { redirect } from "react-router";
import { queryClient } from "@/api/query-client";
import { leaveForLogin } from "@/api/session-loss";
import { config } from "@/config";
import { viewerOptions } from "@/features/auth/session";

export { Shell as Component } from "@/features/shell/shell";

/** Nobody gets past this without a session, nor with a password that has to be changed first. */
export async function loader() {
  const viewer = await queryClient.query({ ...viewerOptions, staleTime: "static" });
  if (viewer === null && config.authenticationEnabled) {
    leaveForLogin();
    return new Promise<null>(() => undefined);
  }
  if (viewer?.passwordNeedsReset) throw redirect("/reset-password");
  return null;
}

export function shouldRevalidate(): boolean {
  return false;
}
