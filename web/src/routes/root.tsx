import { Outlet } from "react-router";
import { SessionKeeper } from "@/features/auth/session-keeper";

/** Around every page, with or without the shell. */
export function Root() {
  return (
    <>
      <Outlet />
      <SessionKeeper />
    </>
  );
}
