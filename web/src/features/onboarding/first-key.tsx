import { useMutation, useQuery } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { Link } from "react-router";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { Notice } from "@/components/states";
import { createKey, keysChanged, type KeyWithSecret } from "@/features/api_keys/platform";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import styles from "./onboarding.module.css";

interface FirstKeyProps {
  readonly project: string;
  /** A key can be bound to a project that exists; without one it makes the project. */
  readonly exists: boolean;
  /** The key that was made here, until it is put away. */
  readonly created: KeyWithSecret | null;
  readonly onCreated: (key: KeyWithSecret | null) => void;
}

/** Makes the key that the snippets need, in the place where they are: it sends traces and can read nothing. */
export function FirstKey({ project, exists, created, onCreated }: FirstKeyProps) {
  const { data: viewer } = useQuery(viewerOptions);
  const admin = isAdmin(viewer);
  const mutation = useMutation({
    mutationFn: () =>
      createKey({
        name: `Application Instrumentation (${project})`.slice(0, 200),
        kind: admin ? "system" : "user",
        scopes: ["traces:write"],
        ...(exists && { projects: [project] }),
      }),
    onSuccess: (key) => {
      keysChanged();
      onCreated(key);
    },
  });
  if (!viewer) return null;
  if (viewer.role.name === "VIEWER") return <Notice tone="warning">Sending needs an API key that may write. As a viewer you read, and so do your keys: ask a member or an administrator for one.</Notice>;
  if (created) {
    return (
      <section className={styles["key"]} aria-label="The new key">
        <p>
          <strong>Copy this key now:</strong> it is shown only this once, and filled in below. It sends traces{created.projects === null ? "" : ` of ${project}`} and reads nothing.
        </p>
        <CodeBlock wrap code={created.key} label="key" />
        <div>
          <Button
            onClick={() => {
              onCreated(null);
            }}
          >
            I have copied it
          </Button>
        </div>
      </section>
    );
  }
  return (
    <section className={styles["key"]} aria-label="An API key">
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>
        You need an API key. One that sends traces{exists ? ` of ${project}` : ""} and reads nothing is made here; it is {admin ? "of the deployment, and stays when people leave" : "yours, and ends with your account"}. For any other,{" "}
        <Link to={admin ? "/settings/api-keys?create=1" : "/profile/api-keys?create=1"}>choose what it may do</Link>.
      </p>
      <div>
        <Button variant="primary" icon={KeyRound} busy={mutation.isPending} onClick={() => mutation.mutate()}>
          Create key
        </Button>
      </div>
    </section>
  );
}
