import { json } from "@codemirror/lang-json";
import type { EditorView } from "@codemirror/view";
import { graphql, updateSchema } from "cm6-graphql";
import { BookOpen, Play, WandSparkles } from "lucide-react";
import { buildClientSchema, getIntrospectionQuery, getOperationAST, type GraphQLSchema, type IntrospectionQuery, Kind, parse, print } from "graphql";
import { useEffect, useMemo, useRef, useState } from "react";
import { authFetch } from "@/api/auth-fetch";
import { asApiError, errorOfResponse } from "@/api/errors";
import { Button, IconButton } from "@/components/button";
import { CopyButton } from "@/components/copy";
import { Standalone } from "@/components/standalone";
import { Notice, SkeletonRows } from "@/components/states";
import { serverPath } from "@/config";
import { cx } from "@/lib/cx";
import { useMediaQuery, usePreference } from "@/lib/hooks";
import { Editor } from "./editor";
import styles from "./explorer.module.css";
import { SchemaDocs } from "./schema-docs";

const FIRST_QUERY = `# Ctrl-Enter runs, Ctrl-Space completes.

query Projects {
  projects(first: 10) {
    edges {
      node {
        id
        name
        traceCount
      }
    }
  }
}
`;

async function post(query: string, variables: unknown, operationName: string | null): Promise<unknown> {
  const response = await authFetch(serverPath("/graphql"), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query, variables, ...(operationName === null ? {} : { operationName }) }),
  });
  if (!response.ok) throw await errorOfResponse(response);
  return response.json();
}

/** The operation in which the cursor stands; the only one needs no name. */
function operationAt(source: string, position: number): string | null {
  try {
    const document = parse(source);
    if (getOperationAST(document)) return null;
    const at = document.definitions.find((d) => d.kind === Kind.OPERATION_DEFINITION && d.loc && position >= d.loc.start && position <= d.loc.end);
    return at?.kind === Kind.OPERATION_DEFINITION ? (at.name?.value ?? null) : null;
  } catch {
    return null;
  }
}

interface Result {
  readonly text: string;
  readonly ms: number;
  readonly failed: boolean;
}

type Pane = "query" | "result" | "docs";

export function Explorer() {
  const [query, setQuery] = usePreference<string>("phoenix.graphql.query", FIRST_QUERY);
  const [variables, setVariables] = usePreference<string>("phoenix.graphql.variables", "");
  const [result, setResult] = useState<Result | null>(null);
  const [busy, setBusy] = useState(false);
  const [schema, setSchema] = useState<GraphQLSchema | null>(null);
  const [schemaProblem, setSchemaProblem] = useState<string | null>(null);
  const [docsPath, setDocsPath] = useState<readonly string[]>([]);
  const isSmall = useMediaQuery("(max-width: 900px)");
  const [pane, setPane] = useState<Pane>("query");
  const [docs, setDocs] = useState(true);
  const editor = useRef<EditorView>(null);

  useEffect(() => {
    post(getIntrospectionQuery({ inputValueDeprecation: false }), {}, null).then(
      (answer) => {
        try {
          const built = buildClientSchema((answer as { data: IntrospectionQuery }).data);
          setSchema(built);
          if (editor.current) updateSchema(editor.current, built);
        } catch {
          setSchemaProblem("The server does not tell its schema, so there is no completion here.");
        }
      },
      (error: unknown) => {
        setSchemaProblem(asApiError(error).message);
      },
    );
  }, []);

  const queryExtensions = useMemo(
    () => [
      graphql(undefined, {
        onShowInDocs: (_field, type) => {
          if (type === undefined) return;
          setDocs(true);
          setPane("docs");
          setDocsPath([type]);
        },
      }),
    ],
    [],
  );
  const jsonExtensions = useMemo(() => [json()], []);

  async function run() {
    if (busy) return;
    let parsed: unknown = {};
    try {
      parsed = variables.trim() === "" ? {} : JSON.parse(variables);
    } catch (error) {
      setResult({ text: `The variables are not JSON: ${error instanceof Error ? error.message : ""}`, ms: 0, failed: true });
      return;
    }
    setBusy(true);
    setPane("result");
    const started = performance.now();
    try {
      const answer = await post(query, parsed, operationAt(query, editor.current?.state.selection.main.head ?? 0));
      const failed = typeof answer === "object" && answer !== null && "errors" in answer;
      setResult({ text: JSON.stringify(answer, null, 2), ms: performance.now() - started, failed });
    } catch (error) {
      setResult({ text: asApiError(error).message, ms: performance.now() - started, failed: true });
    }
    setBusy(false);
  }

  function tidy() {
    try {
      setQuery(`${print(parse(query))}\n`);
    } catch {
      // A query that does not parse is marked in the editor already.
    }
  }

  const panes: readonly { readonly id: Pane; readonly label: string }[] = [
    { id: "query", label: "Query" },
    { id: "result", label: "Result" },
    { id: "docs", label: "Schema" },
  ];

  return (
    <Standalone
      title="GraphQL"
      actions={
        <>
          <IconButton icon={WandSparkles} label="Tidy the query (comments are lost)" onClick={tidy} />
          {!isSmall && (
            <IconButton
              icon={BookOpen}
              label="Schema"
              aria-pressed={docs}
              onClick={() => {
                setDocs(!docs);
              }}
            />
          )}
          <Button variant="primary" icon={Play} busy={busy} onClick={() => void run()}>
            Run
          </Button>
        </>
      }
    >
      {isSmall && (
        <nav className={styles["switch"]} aria-label="Panes">
          {panes.map(({ id, label }) => (
            <button
              key={id}
              type="button"
              aria-current={pane === id ? "true" : undefined}
              onClick={() => {
                setPane(id);
              }}
            >
              {label}
            </button>
          ))}
        </nav>
      )}
      <main className={cx(styles["panes"], isSmall ? styles["one"] : docs ? styles["three"] : styles["two"])}>
        <section className={styles["write"]} aria-label="Query and variables" hidden={isSmall && pane !== "query"}>
          <div className={styles["grow"]}>
            <Editor
              label="Query"
              value={query}
              extensions={queryExtensions}
              onChange={setQuery}
              onRun={() => void run()}
              onReady={(view) => {
                editor.current = view;
                if (schema) updateSchema(view, schema);
              }}
            />
          </div>
          <h2 className={styles["label"]}>Variables</h2>
          <div className={styles["variables"]}>
            <Editor label="Variables, as JSON" value={variables} extensions={jsonExtensions} hint="{ }" onChange={setVariables} onRun={() => void run()} />
          </div>
        </section>
        <section className={styles["result"]} aria-label="Result" aria-busy={busy} hidden={isSmall && pane !== "result"}>
          {result ? (
            <>
              <div className={styles["label"]} role="status">
                <span className={result.failed ? styles["bad"] : styles["good"]}>{result.failed ? "Error" : "Done"}</span>
                <span>{Math.round(result.ms)} ms</span>
                <CopyButton text={result.text} label="Copy result" />
              </div>
              <div className={styles["grow"]}>
                <Editor label="Result" value={result.text} extensions={jsonExtensions} />
              </div>
            </>
          ) : (
            <p className={styles["hint"]}>Run a query to see its answer here.</p>
          )}
        </section>
        {(isSmall ? pane === "docs" : docs) && (
          <section className={styles["side"]} aria-label="Schema">
            {schemaProblem !== null ? (
              <div className={styles["docs"]}>
                <Notice tone="warning">{schemaProblem}</Notice>
              </div>
            ) : schema ? (
              <SchemaDocs schema={schema} path={docsPath} onPath={setDocsPath} />
            ) : (
              <SkeletonRows rows={8} label="Loading the schema" />
            )}
          </section>
        )}
      </main>
    </Standalone>
  );
}
