import { queryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf } from "@/api/graphql";
import { markSignedOut } from "@/api/session-loss";
import { config, serverPath } from "@/config";

const ViewerQuery = graphql(`
  query Viewer {
    viewer {
      id
      username
      email
      passwordNeedsReset
      authMethod
      createdAt
      role {
        name
      }
    }
  }
`);

export type Viewer = NonNullable<ResultOf<typeof ViewerQuery>["viewer"]>;

/** Who is signed in; null when the server runs without authentication. */
export const viewerOptions = queryOptions({
  queryKey: ["viewer"],
  queryFn: async ({ signal }) => (config.authenticationEnabled ? (await execute(ViewerQuery, {}, signal)).viewer : null),
  staleTime: 60_000,
  // Whose page this is stays known for as long as it is up.
  gcTime: Infinity,
});

export function isAdmin(viewer: Viewer | null | undefined): boolean {
  return viewer?.role.name === "ADMIN" || viewer?.role.name === "SYSTEM";
}

/** Whether the visitor may delete traces; without authentication everybody may. */
export function mayWriteTraces(viewer: Viewer | null | undefined): boolean {
  return viewer === null || (viewer !== undefined && viewer.role.name !== "VIEWER");
}

const PatchViewerMutation = graphql(`
  mutation ChangePassword($input: PatchViewerInput!) {
    patchViewer(input: $input) {
      user {
        id
        passwordNeedsReset
      }
    }
  }
`);

export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await execute(PatchViewerMutation, { input: { currentPassword, newPassword } });
}

/** Asks who is signed in now, without waiting for anybody to sign in again. */
export async function whoIsSignedIn(): Promise<Viewer | null> {
  return (await execute(ViewerQuery, {}, undefined, (input, init) => window.fetch(input, init))).viewer;
}

/** Ends this session, or every one of the visitor's; the server answers with the way to the login page. */
export function logout(which: "here" | "everywhere" = "here"): void {
  markSignedOut();
  window.location.assign(serverPath(which === "here" ? "/auth/logout?everywhere=false" : "/auth/logout"));
}
const PatchViewerNameMutation = graphql(`
  mutation ChangeUsername($input: PatchViewerInput!) {
    patchViewer(input: $input) {
      user {
        id
        username
      }
    }
  }
`);

export async function changeUsername(newUsername: string): Promise<void> {
  await execute(PatchViewerNameMutation, { input: { newUsername } });
}

