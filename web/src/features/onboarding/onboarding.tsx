import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import { CodeBlock } from "@/components/copy";
import { config, serverOrigin } from "@/config";
import type { KeyWithSecret } from "@/features/api_keys/platform";
import { viewerOptions } from "@/features/auth/session";
import { FirstKey } from "./first-key";
import { type Snippet, snippetsFor } from "./snippets";
import styles from "./onboarding.module.css";

interface OnboardingProps {
  readonly project: string;
  /** Whether there is such a project already. */
  readonly exists: boolean;
  readonly title: string;
}

/** What to do when there is nothing to see yet. */
export function Onboarding({ project, exists, title }: OnboardingProps) {
  const { data: viewer } = useQuery(viewerOptions);
  const [created, setCreated] = useState<KeyWithSecret | null>(null);
  return (
    <div className={styles["onboarding"]}>
      <div className={styles["intro"]}>
        <h2>{title}</h2>
        {viewer?.role.name === "VIEWER" ? (
          <p>Traces appear here once somebody sends them. As a viewer you read what others send; this is how they do it.</p>
        ) : (
          <p>Send one from your code and it appears here. Anything that speaks OpenTelemetry will do.</p>
        )}
      </div>
      {config.authenticationEnabled && <FirstKey project={project} exists={exists} created={created} onCreated={setCreated} />}
      <Snippets project={project} apiKey={created?.key} />
    </div>
  );
}

/** Ways to send a first trace, with the key filled in where it is known. */
function Snippets({ project, apiKey }: { readonly project: string; readonly apiKey: string | undefined }) {
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
