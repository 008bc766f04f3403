export type AssignableRole = "ADMIN" | "MEMBER" | "VIEWER";

interface RoleText {
  readonly name: AssignableRole;
  readonly label: string;
  /** What it lets one do, in one sentence. */
  readonly text: string;
}

/** The roles that a person can have, the widest first. */
export const roles: readonly RoleText[] = [
  { name: "ADMIN", label: "Admin", text: "Everything, people, system keys and deleting projects included." },
  { name: "MEMBER", label: "Member", text: "Reads and writes what is observed: projects, traces, spans. No say over people or system keys." },
  { name: "VIEWER", label: "Viewer", text: "Reads what is observed and changes nothing. Keys of a viewer read only, too." },
];

export function roleLabel(name: string): string {
  return roles.find((role) => role.name === name)?.label ?? `${name.slice(0, 1)}${name.slice(1).toLowerCase()}`;
}

export function roleText(name: string): string | null {
  return roles.find((role) => role.name === name)?.text ?? null;
}

export function assignableRole(name: string): AssignableRole | null {
  return roles.find((role) => role.name === name)?.name ?? null;
}
