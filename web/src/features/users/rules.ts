import { plural } from "@/lib/format";

interface Person {
  readonly id: string;
  readonly email: string | null;
  readonly username: string;
  readonly role: { readonly name: string };
  readonly isActive: boolean;
  readonly authMethod: string;
}

/** Why something may not be done to a user; null where it may. */
export interface Refusals {
  readonly role: string | null;
  readonly deactivate: string | null;
  readonly password: string | null;
  readonly remove: string | null;
}

/** The address of the account that every server starts with. */
const FIRST_ADMIN = "admin@localhost";

function isLastAdmin(user: Person, everybody: readonly Person[]): boolean {
  return user.role.name === "ADMIN" && user.isActive && !everybody.some((other) => other.id !== user.id && other.role.name === "ADMIN" && other.isActive);
}

/** The rules of the server, told before somebody runs into them. */
export function refusalsFor(user: Person, viewerId: string | undefined, everybody: readonly Person[]): Refusals {
  const own = user.id === viewerId;
  const last = isLastAdmin(user, everybody);
  const lastText = "This is the last active administrator. Make somebody else one first.";
  return {
    role: own ? "Nobody changes their own role. Another administrator can." : last ? lastText : null,
    deactivate: own ? "Nobody deactivates themselves. Another administrator can." : last ? lastText : null,
    password: own
      ? "You change your own password in your profile."
      : user.authMethod === "LOCAL"
        ? null
        : "This user signs in through your organisation and has no password here.",
    remove:
      user.email === FIRST_ADMIN
        ? "The account that the server came with cannot be deleted. It can be deactivated."
        : own
          ? "Nobody deletes their own account. Another administrator can."
          : last
            ? lastText
            : null,
  };
}

/** What a deleted account takes along, as far as it is known. */
export function goesWith(keys: number, sessions: number | null): string {
  const parts = [keys > 0 && plural(keys, "API key"), sessions === null ? "its sessions" : sessions > 0 && plural(sessions, "session")].filter((part) => part !== false);
  const refused = keys > 0 ? ` What uses ${keys === 1 ? "the key" : "one of the keys"} is refused.` : "";
  return parts.length === 0 ? "the account. It has no API keys and is signed in nowhere." : `the account, ${parts.join(" and ")}.${refused}`;
}

export type UserState = "active" | "deactivated" | "mustChangePassword";

export function stateOf(user: { readonly isActive: boolean; readonly passwordNeedsReset: boolean }): UserState {
  if (!user.isActive) return "deactivated";
  return user.passwordNeedsReset ? "mustChangePassword" : "active";
}

/** Finds people by what they are called, what they may do, and how they are. */
export function matches(user: Person & { readonly passwordNeedsReset: boolean }, search: string): boolean {
  const text = [user.username, user.email ?? "", user.role.name, user.isActive ? "" : "deactivated", user.passwordNeedsReset ? "must change password" : ""].join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
