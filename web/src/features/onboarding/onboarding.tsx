import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import { Link } from "react-router";
import { CodeBlock } from "@/components/copy";
import { config, serverOrigin } from "@/config";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { snippetsFor } from "./snippets";
import styles from "./onboarding.module.css";

/** What to do when there is nothing to see yet. */
export function Onboarding({ project, title }: { readonly project: string; readonly title: string }) {
  const { data: viewer } = useQuery(viewerOptions);
  const [chosen, setChosen] = useState("python");
  const snippets = snippetsFor({ endpoint: serverOrigin(), project, withKey: config.authenticationEnabled });
  return (
    <div className={styles["onboarding"]}>
      <div className={styles["intro"]}>
        <h2>{title}</h2>
        <p>
          Send one from your code and it appears here. Anything that speaks OpenTelemetry will do.
          {config.authenticationEnabled &&
            (isAdmin(viewer) ? (
              <>
                {" "}
                You need an API key: <Link to="/settings/api-keys?create=1">create one</Link>.
              </>
            ) : (
              " You need an API key; an administrator can give you one."
            ))}
        </p>
      </div>
      <Tabs
        className={styles["tabs"] ?? ""}
        selectedKey={chosen}
        onSelectionChange={(key) => {
          setChosen(String(key));
        }}
      >
        <TabList aria-label="Ways to send traces" className={styles["tablist"] ?? ""}>
          {snippets.map((snippet) => (
            <Tab key={snippet.id} id={snippet.id} className={styles["tab"] ?? ""}>
              {snippet.label}
            </Tab>
          ))}
        </TabList>
        {snippets.map((snippet) => (
          <TabPanel key={snippet.id} id={snippet.id} className={styles["panel"] ?? ""}>
            {snippet.steps.map((step) => (
              <div key={step.title} className={styles["step"]}>
                <h3>{step.title}</h3>
                <CodeBlock code={step.code} label={`${snippet.label}: ${step.title}`} />
              </div>
            ))}
          </TabPanel>
        ))}
      </Tabs>
    </div>
  );
}
