import { MailCheck } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { Link, Navigate } from "react-router";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { config } from "@/config";
import { AuthPage } from "@/features/auth/auth-page";
import form from "@/features/auth/form.module.css";
import { requestPasswordReset } from "@/features/auth/login";
import { RefusalNotice, useRefusal } from "@/features/auth/refusal";
import { SupportLine } from "@/features/auth/support-line";
import { useDocumentTitle } from "@/lib/hooks";

const noMail = "This server cannot send mail. An administrator can set a new password for you.";

export function Component() {
  useDocumentTitle("Forgot password");
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<string | null>(null);
  const refusal = useRefusal();
  const { say, wait } = refusal;
  const email = useRef<HTMLInputElement>(null);

  if (!config.authenticationEnabled || config.basicAuthDisabled) return <Navigate to="/login" replace />;

  const back = (
    <p>
      <Link to="/login">Back to sign in</Link>
    </p>
  );

  if (!config.passwordResetEmailEnabled) {
    return (
      <AuthPage title="Forgot your password?" intro={noMail}>
        {back}
        <SupportLine />
      </AuthPage>
    );
  }

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    const address = email.current?.value.trim() ?? "";
    setBusy(true);
    say(null);
    const result = await requestPasswordReset(address);
    setBusy(false);
    switch (result.kind) {
      case "asked":
        setAsked(address);
        break;
      case "noMail":
        say(noMail);
        break;
      case "wait":
        wait(result.seconds);
        break;
      case "failed":
        say(result.message);
        break;
    }
  }

  if (asked !== null) {
    return (
      <AuthPage title="Look at your mail">
        <div className={form["sent"]} role="status">
          <MailCheck size={22} aria-hidden="true" />
          <p>
            If <strong>{asked}</strong> belongs to an account with a password, a link to choose a new one is on its way. It works once, and for a short time only.
          </p>
          <p>Nothing there? Look into the spam folder, and check the address.</p>
        </div>
        <Button
          onClick={() => {
            setAsked(null);
          }}
        >
          Try another address
        </Button>
        {back}
        <SupportLine />
      </AuthPage>
    );
  }

  return (
    <AuthPage title="Forgot your password?" intro="Tell us the e-mail address of your account, and we send you a link to choose a new one.">
      <RefusalNotice refusal={refusal} />
      <form
        className={form["form"]}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <Field ref={email} label="E-mail" name="email" type="text" inputMode="email" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
        <Button type="submit" variant="primary" busy={busy} disabled={refusal.waiting}>
          Send the link
        </Button>
        {back}
      </form>
      <SupportLine />
    </AuthPage>
  );
}
