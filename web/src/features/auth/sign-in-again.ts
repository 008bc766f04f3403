interface Person {
  readonly id: string;
  readonly passwordNeedsReset: boolean;
}

/**
 * What becomes of a page that belonged to `before` once `now` has signed in.
 * `stay`: its calls go on. `reload`: it shows what another person may see. `changePassword`: nothing else is allowed.
 */
export function afterSigningInAgain(before: Person | null, now: Person | null, path: string): "stay" | "reload" | "changePassword" {
  if (before?.id !== now?.id) return "reload";
  if (now?.passwordNeedsReset === true && path !== "/reset-password") return "changePassword";
  return "stay";
}
