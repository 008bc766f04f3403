import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import { Link } from "react-router";
import { CodeBlock } from "@/components/copy";
import { config, serverOrigin } from "@/config";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { type Snippet, snippetsFor } from "./snippets";
import styles from "./onboarding.module.css";

/** What to do when there is nothing to see yet. */
export function Onboarding({ project, title }: { readonly project: string; readonly title: string }) {
  const { data: viewer } = useQuery(viewerOptions);
  return (
    <div className={styles["onboarding"]}>
      <div className={styles["intro"]}>
        <h2>{title}</h2>
        {viewer?.role.name === "VIEWER" ? (
          <p>Traces appear here once somebody sends them. As a viewer you read what others send; this is how they do it.</p>
        ) : (
          <p>
            Send one from your code and it appears here. Anything that speaks OpenTelemetry will do.
            {config.authenticationEnabled && (
              <>
                {" "}
                You need an API key: <Link to={isAdmin(viewer) ? "/settings/api-keys?create=1" : "/profile/api-keys?create=1"}>create one</Link>.
              </>
            )}
          </p>
        )}
      </div>
      <Snippets project={project} />
    </div>
  );
}

/** Ways to send a first trace, with the key filled in where it is known. */
function Snippets({ project, apiKey }: { readonly project: string; readonly apiKey?: string }) {
  return <SnippetTabs label="Ways to send traces" snippets={snippetsFor({ endpoint: serverOrigin(), project, withKey: config.authenticationEnabled, apiKey })} />;
}

export function SnippetTabs({ label, snippets, wrap = false }: { readonly label: string; readonly snippets: readonly Snippet[]; readonly wrap?: boolean }) {
  const [chosen, setChosen] = useState(snippets[0]?.id ?? "");
  return (
    <Tabs
      className={styles["tabs"] ?? ""}
      selectedKey={chosen}
      onSelectionChange={(key) => {
        setChosen(String(key));
      }}
    >
      <TabList aria-label={label} className={styles["tablist"] ?? ""}>
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
              <CodeBlock wrap={wrap} code={step.code} label={`${snippet.label}: ${step.title}`} />
            </div>
          ))}
        </TabPanel>
      ))}
    </Tabs>
  );
}
