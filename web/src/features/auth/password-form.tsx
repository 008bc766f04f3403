import { useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useNavigate } from "react-router";
import { asApiError } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { Notice } from "@/components/states";
import form from "./form.module.css";
import { passwordRules } from "./password";
import { PasswordRules } from "./password-rules";
import { serverOptions } from "./server";
import { changePassword } from "./session";

interface PasswordFormProps {
  /** Tells password managers whose password this is. */
  readonly email: string;
  readonly autoFocus?: boolean;
  /** What can be done instead. */
  readonly children?: ReactNode;
}

/** Changes the visitor's own password, which ends every session: the way leads to the sign-in page. */
export function PasswordForm({ email, autoFocus = false, children }: PasswordFormProps) {
  const navigate = useNavigate();
  const policy = useQuery(serverOptions).data?.password_policy ?? "default";
  const [values, setValues] = useState({ current: "", next: "", repeated: "" });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const rules = passwordRules(policy, values);
  const complete = values.current !== "" && rules.every((rule) => rule.met);
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
    <>
      {problem && <Notice tone="danger">{problem}</Notice>}
      <form
        className={form["form"]}
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <Field label="Current password" autoComplete="current-password" autoFocus={autoFocus} {...input("current")} />
        <Field label="New password" autoComplete="new-password" {...input("next")} />
        <Field label="New password, again" autoComplete="new-password" {...input("repeated")} />
        <PasswordRules rules={rules} />
        <Button type="submit" variant="primary" busy={busy} disabled={!complete}>
          Change password
        </Button>
        {children}
      </form>
    </>
  );
}
