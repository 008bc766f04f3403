import { useQuery } from "@tanstack/react-query";
import { Check, Circle } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { Navigate, useNavigate } from "react-router";
import { asApiError } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { FailureState, Notice } from "@/components/states";
import { config } from "@/config";
import { AuthPage } from "@/features/auth/auth-page";
import form from "@/features/auth/form.module.css";
import { passwordRules } from "@/features/auth/password";
import { changePassword, logout, viewerOptions } from "@/features/auth/session";
import { useDocumentTitle } from "@/lib/hooks";

export function Component() {
  useDocumentTitle("Change password");
  const viewer = useQuery(viewerOptions);
  const navigate = useNavigate();
  const [values, setValues] = useState({ current: "", next: "", repeated: "" });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

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

  const rules = passwordRules(values.current, values.next, values.repeated);
  const complete = values.current !== "" && rules.every((rule) => rule.met);
  const forced = viewer.data?.passwordNeedsReset === true;
  const input = (name: keyof typeof values) => ({
    name,
    type: "password",
    required: true,
    value: values[name],
    onChange: (event: { target: { value: string } }) => {
      setValues({ ...values, [name]: event.target.value });
    },
  });

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await changePassword(values.current, values.next);
    } catch (error) {
      setProblem(asApiError(error).message);
      setBusy(false);
      return;
    }
    // The server has ended all sessions of this user, this one too. What this page has asked for is dropped only after it
    // is left: cleared before, it would ask again, be refused, and reload the login page without the notice.
    await queryClient.cancelQueries();
    await navigate("/login", { replace: true, state: { passwordChanged: true } });
    queryClient.clear();
  }

  return (
    <AuthPage
      title={forced ? "Choose a new password" : "Change your password"}
      intro={
        forced
          ? "This account still has a password that somebody else chose. Everything else opens once you have set your own."
          : "You will be signed out everywhere and can sign in again with the new password."
      }
    >
      {problem && <Notice tone="danger">{problem}</Notice>}
      <form
        className={form["form"]}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        {/* Lets password managers know whose password this is. */}
        <input type="text" name="username" autoComplete="username" value={viewer.data?.email ?? ""} readOnly hidden />
        <Field label="Current password" autoComplete="current-password" autoFocus {...input("current")} />
        <Field label="New password" autoComplete="new-password" {...input("next")} />
        <Field label="New password, again" autoComplete="new-password" {...input("repeated")} />
        <ul className={form["rules"]} aria-label="Password rules">
          {rules.map((rule) => (
            <li key={rule.text} className={rule.met ? form["met"] : undefined}>
              {rule.met ? <Check size={13} aria-hidden="true" /> : <Circle size={13} aria-hidden="true" />}
              {rule.text}
              <span className="visually-hidden">{rule.met ? "(met)" : "(not met)"}</span>
            </li>
          ))}
        </ul>
        <Button type="submit" variant="primary" busy={busy} disabled={!complete}>
          Change password
        </Button>
        {forced ? (
          <Button variant="ghost" onClick={logout}>
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
      </form>
    </AuthPage>
  );
}
