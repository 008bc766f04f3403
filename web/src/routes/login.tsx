import { LogIn } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { Link, useLocation, useNavigate, useSearchParams } from "react-router";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { Notice } from "@/components/states";
import { config, serverPath } from "@/config";
import { AuthPage } from "@/features/auth/auth-page";
import form from "@/features/auth/form.module.css";
import { login } from "@/features/auth/login";
import { REFUSED, RefusalNotice, useRefusal } from "@/features/auth/refusal";
import { SupportLine } from "@/features/auth/support-line";
import { useDocumentTitle } from "@/lib/hooks";
import { safeReturnUrl } from "@/lib/return-url";

/** Pages that the server serves beside this application. */
const ownPages = /^\/(docs|graphql)([/?#]|$)/;

export function Component() {
  useDocumentTitle("Sign in");
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const location = useLocation();
  const [busy, setBusy] = useState(false);
  const refusal = useRefusal();
  const { say, wait } = refusal;
  const email = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const passwordChanged = (location.state as { passwordChanged?: boolean } | null)?.passwordChanged === true;

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    setBusy(true);
    say(null);
    const result = await login(email.current?.value.trim() ?? "", password.current?.value ?? "");
    switch (result.kind) {
      case "signedIn": {
        queryClient.clear();
        const returnUrl = safeReturnUrl(search.get("returnUrl"));
        if (ownPages.test(returnUrl)) window.location.replace(serverPath(returnUrl));
        else await navigate(returnUrl, { replace: true });
        return;
      }
      case "refused":
        say(REFUSED);
        password.current?.select();
        break;
      case "wait":
        wait(result.seconds);
        break;
      case "failed":
        say(result.message);
        break;
    }
    setBusy(false);
  }

  if (config.basicAuthDisabled) {
    return (
      <AuthPage title="Sign in" intro="Signing in with a password is turned off on this server.">
        <SupportLine />
      </AuthPage>
    );
  }

  return (
    <AuthPage title="Sign in" intro="Traces, spans and the keys that write them.">
      {passwordChanged && refusal.problem === null && <Notice tone="success">Your password was changed. Sign in with the new one.</Notice>}
      <RefusalNotice refusal={refusal} />
      <form
        className={form["form"]}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <Field ref={email} label="E-mail" name="email" type="text" inputMode="email" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
        <Field ref={password} label="Password" name="password" type="password" autoComplete="current-password" required />
        <Button type="submit" variant="primary" icon={LogIn} busy={busy} disabled={refusal.waiting}>
          Sign in
        </Button>
        {config.passwordResetEmailEnabled && (
          <p>
            <Link to="/forgot-password">Forgot password?</Link>
          </p>
        )}
      </form>
      <SupportLine />
    </AuthPage>
  );
}
