import { useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { Link, Navigate, useNavigate, useSearchParams } from "react-router";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { config } from "@/config";
import { AuthPage } from "@/features/auth/auth-page";
import form from "@/features/auth/form.module.css";
import { resetPassword } from "@/features/auth/login";
import { passwordRules } from "@/features/auth/password";
import { PasswordRules } from "@/features/auth/password-rules";
import { RefusalNotice, useRefusal } from "@/features/auth/refusal";
import { serverOptions } from "@/features/auth/server";
import { SupportLine } from "@/features/auth/support-line";
import { useDocumentTitle } from "@/lib/hooks";

export function Component() {
  useDocumentTitle("Choose a new password");
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const token = search.get("token") ?? "";
  const policy = useQuery(serverOptions).data?.password_policy ?? "default";
  const [values, setValues] = useState({ next: "", repeated: "" });
  const [busy, setBusy] = useState(false);
  const [dead, setDead] = useState(token === "");
  const refusal = useRefusal();
  const { say, wait } = refusal;

  if (!config.authenticationEnabled || config.basicAuthDisabled) return <Navigate to="/login" replace />;

  if (dead) {
    return (
      <AuthPage title="This link no longer works" intro="A link to choose a password works once, and for a short time only. This one has been used, has expired, or was not copied whole.">
        <p>{config.passwordResetEmailEnabled ? <Link to="/forgot-password">Send me a new link</Link> : "An administrator can set a new password for you."}</p>
        <p>
          <Link to="/login">Back to sign in</Link>
        </p>
        <SupportLine />
      </AuthPage>
    );
  }

  const rules = passwordRules(policy, values);
  const input = (name: keyof typeof values) => ({
    name,
    type: "password",
    autoComplete: "new-password",
    required: true,
    value: values[name],
    onChange: (event: { target: { value: string } }) => {
      setValues({ ...values, [name]: event.target.value });
    },
  });

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    setBusy(true);
    say(null);
    const result = await resetPassword(token, values.next);
    setBusy(false);
    switch (result.kind) {
      case "changed":
        // The token is worth nothing now, and its address need not stay in the history.
        await navigate("/login", { replace: true, state: { passwordChanged: true } });
        break;
      case "invalidLink":
        setDead(true);
        break;
      case "wait":
        wait(result.seconds);
        break;
      case "failed":
        say(result.message);
        break;
    }
  }

  return (
    <AuthPage title="Choose a new password" intro="It replaces the old one at once. Wherever you are signed in, you will have to sign in again.">
      <RefusalNotice refusal={refusal} />
      <form
        className={form["form"]}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <Field label="New password" autoFocus {...input("next")} />
        <Field label="New password, again" {...input("repeated")} />
        <PasswordRules rules={rules} />
        <Button type="submit" variant="primary" busy={busy} disabled={refusal.waiting || !rules.every((rule) => rule.met)}>
          Set password
        </Button>
      </form>
      <SupportLine />
    </AuthPage>
  );
}
