import { queryOptions } from "@tanstack/react-query";
import { execute, graphql, type ResultOf } from "@/api/graphql";
import { config, serverPath } from "@/config";

const ViewerQuery = graphql(`
  query Viewer {
    viewer {
      id
      username
      email
      passwordNeedsReset
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
});

export function isAdmin(viewer: Viewer | null | undefined): boolean {
  return viewer?.role.name === "ADMIN" || viewer?.role.name === "SYSTEM";
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

/** Ends every session of the visitor; the server answers with the way to the login page. */
export function logout(): void {
  window.location.assign(serverPath("/auth/logout"));
}
