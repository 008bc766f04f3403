import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { CopyButton } from "@/components/copy";
import { Section } from "@/components/page";
import { config, serverOrigin } from "@/config";
import { serverOptions } from "@/features/auth/server";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import styles from "./sections.module.css";

export function Component() {
  const { data: server } = useQuery(serverOptions);
  const { data: viewer } = useQuery(viewerOptions);
  const byMail = server?.password_reset_by_mail ?? config.passwordResetEmailEnabled;
  return (
    <Section
      title="General"
      width="text"
      intro={config.authenticationEnabled && !isAdmin(viewer) ? "What this server is. Users and system keys are the business of administrators." : "What this server is. It is configured by its environment, not here."}
    >
      <dl className={styles["facts"]}>
        <Fact name="Address">
          <span className="mono">{serverOrigin()}</span>
          <CopyButton text={serverOrigin()} label="Copy address" />
        </Fact>
        <Fact name="Version">{server?.version ?? config.serverVersion}</Fact>
        <Fact name="API version">{server?.api_version ?? config.platformVersion} (of Phoenix, as clients see it)</Fact>
        <Fact name="Authentication">{config.authenticationEnabled ? "on" : "off: whoever reaches this server may do everything"}</Fact>
        {config.authenticationEnabled && (
          <>
            <Fact name="Sign-in">{config.basicAuthDisabled ? "without passwords" : "e-mail address and password"}</Fact>
            <Fact name="Passwords">{server?.password_policy === "strong" ? "strong: 12 characters of all kinds" : "at least 4 characters"}</Fact>
            <Fact name="Mail">{byMail ? "on: passwords can be reset by mail" : "off: administrators set new passwords"}</Fact>
          </>
        )}
      </dl>
    </Section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
