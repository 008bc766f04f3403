import { useMutation, useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { Link } from "react-router";
import { asApiError } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { Section } from "@/components/page";
import { FailureState, Notice, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import { PasswordForm } from "@/features/auth/password-form";
import { roleLabel, roleText } from "@/features/auth/roles";
import { changeUsername, isAdmin, type Viewer, viewerOptions } from "@/features/auth/session";
import { formatDay } from "@/lib/format";
import styles from "./sections.module.css";

export function Component() {
  const viewer = useQuery(viewerOptions);
  return (
    <Section title="Account" width="text">
      {viewer.isPending ? (
        <SkeletonRows rows={4} label="Loading your account" />
      ) : viewer.isError ? (
        <FailureState error={viewer.error} onRetry={() => void viewer.refetch()} />
      ) : (
        viewer.data && <Account viewer={viewer.data} />
      )}
    </Section>
  );
}

function Account({ viewer }: { readonly viewer: Viewer }) {
  const admin = isAdmin(viewer);
  const text = roleText(viewer.role.name);
  return (
    <>
      <div className={styles["group"]}>
        <Username current={viewer.username} />
        <Field
          label="E-mail"
          value={viewer.email ?? "none"}
          readOnly
          hint={
            admin ? (
              <>
                You sign in with it. As an administrator you can change it in <Link to={`/settings/users/${encodeURIComponent(viewer.id)}`}>your entry among the users</Link>.
              </>
            ) : (
              "You sign in with it. An administrator can change it."
            )
          }
        />
      </div>
      <div className={styles["group"]}>
        <h3>Role</h3>
        <div className={styles["role"]}>
          <Badge tone="accent">{roleLabel(viewer.role.name)}</Badge>
          {text !== null && <p>{text}</p>}
          <p className={styles["soft"]}>{admin ? "Nobody changes their own role; another administrator can." : "An administrator can change it."} Here since {formatDay(viewer.createdAt)}.</p>
        </div>
      </div>
      <div className={styles["group"]}>
        <h3>Password</h3>
        {viewer.authMethod === "LOCAL" ? (
          <>
            <p className={styles["soft"]}>A new password signs you out everywhere, here too. Your API keys go on working.</p>
            <PasswordForm email={viewer.email ?? ""} />
          </>
        ) : (
          <p className={styles["soft"]}>You sign in through your organisation, so there is no password here.</p>
        )}
      </div>
    </>
  );
}

function Username({ current }: { readonly current: string }) {
  const toast = useToast();
  const [name, setName] = useState(current);
  const mutation = useMutation({
    mutationFn: (newName: string) => changeUsername(newName),
    onSuccess: async (_, newName) => {
      await queryClient.invalidateQueries(viewerOptions);
      toast(`You are “${newName}” now.`);
    },
  });
  const wanted = name.trim();

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate(wanted);
  }

  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit} className={styles["row"]}>
        <Field
          label="Username"
          name="username"
          value={name}
          autoComplete="off"
          required
          maxLength={200}
          onChange={(event) => {
            setName(event.target.value);
          }}
        />
        <Button type="submit" busy={mutation.isPending} disabled={wanted === "" || wanted === current}>
          Save
        </Button>
      </form>
    </>
  );
}
