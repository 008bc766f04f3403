import { useQuery } from "@tanstack/react-query";
import { Navigate, useNavigate } from "react-router";
import { Button } from "@/components/button";
import { FailureState } from "@/components/states";
import { config } from "@/config";
import { AuthPage } from "@/features/auth/auth-page";
import { PasswordForm } from "@/features/auth/password-form";
import { logout, viewerOptions } from "@/features/auth/session";
import { useDocumentTitle } from "@/lib/hooks";

export function Component() {
  useDocumentTitle("Change password");
  const viewer = useQuery(viewerOptions);
  const navigate = useNavigate();

  if (!config.authenticationEnabled) return <Navigate to="/" replace />;
  if (viewer.isError) {
    return (
      <FailureState
        error={viewer.error}
        onRetry={() => {
          void viewer.refetch();
        }}
      />
    );
  }

  const forced = viewer.data?.passwordNeedsReset === true;
  return (
    <AuthPage
      title={forced ? "Choose a new password" : "Change your password"}
      intro={
        forced
          ? "This account still has a password that somebody else chose. Everything else opens once you have set your own."
          : "You will be signed out everywhere and can sign in again with the new password."
      }
    >
      <PasswordForm email={viewer.data?.email ?? ""} autoFocus>
        {forced ? (
          <Button
            variant="ghost"
            onClick={() => {
              logout();
            }}
          >
            Sign out
          </Button>
        ) : (
          <Button
            variant="ghost"
            onClick={() => {
              void navigate("/");
            }}
          >
            Cancel
          </Button>
        )}
      </PasswordForm>
    </AuthPage>
  );
}
