import { Play } from "lucide-react";
import { type SyntheticEvent, useEffect, useMemo, useState } from "react";
import { authFetch } from "@/api/auth-fetch";
import { ApiError, asApiError, errorOfResponse } from "@/api/errors";
import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { Field, SearchField } from "@/components/field";
import { Markdown } from "@/components/markdown";
import { Standalone } from "@/components/standalone";
import { FailureState, Notice, SkeletonRows } from "@/components/states";
import { serverOrigin, serverPath } from "@/config";
import { cx } from "@/lib/cx";
import { exampleOf, matchesOperation, type OpenApi, type Operation, operationsByTag, type Parameter, refName, requestPath, resolve, type Schema, typeText } from "./document";
import styles from "./reference.module.css";

type Loading = { readonly document: OpenApi } | { readonly error: unknown } | null;

/** The REST API, read from the document that this server serves about itself. */
export function Reference() {
  const [state, setState] = useState<Loading>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let gone = false;
    async function load() {
      try {
        const response = await fetch(serverPath("/openapi.json"), { headers: { accept: "application/json" } });
        if (!response.ok) throw await errorOfResponse(response);
        const document = (await response.json()) as OpenApi;
        if (!gone) setState({ document });
      } catch (error) {
        if (!gone) setState({ error: error instanceof TypeError ? new ApiError("network", "The API document could not be fetched.") : error });
      }
    }
    void load();
    return () => {
      gone = true;
    };
  }, [attempt]);

  return (
    <Standalone title="REST API">
      {state === null ? (
        <SkeletonRows rows={14} label="Loading the API document" />
      ) : "error" in state ? (
        <FailureState
          error={state.error}
          onRetry={() => {
            setState(null);
            setAttempt(attempt + 1);
          }}
        />
      ) : (
        <Browser document={state.document} />
      )}
    </Standalone>
  );
}

function idInAddress(): string {
  return decodeURIComponent(window.location.hash.slice(1));
}

function Browser({ document }: { readonly document: OpenApi }) {
  const groups = useMemo(() => operationsByTag(document), [document]);
  const [query, setQuery] = useState("");
  const [id, setId] = useState(idInAddress);
  useEffect(() => {
    const follow = () => {
      setId(idInAddress());
      window.document.getElementById("operation")?.scrollTo({ top: 0 });
    };
    window.addEventListener("hashchange", follow);
    return () => {
      window.removeEventListener("hashchange", follow);
    };
  }, []);

  const all = useMemo(() => [...groups.values()].flat(), [groups]);
  const chosen = all.find((operation) => operation.id === id);
  const shown = [...groups].map(([tag, operations]) => ({ tag, operations: operations.filter((operation) => matchesOperation(operation, query)) })).filter((group) => group.operations.length > 0);

  return (
    <div className={cx(styles["browser"], chosen && styles["reading"])}>
      <nav aria-label="Operations" className={styles["list"]}>
        <div className={styles["find"]}>
          <SearchField label="Search operations" placeholder={`Search ${String(all.length)} operations`} value={query} onChange={setQuery} />
        </div>
        {shown.length === 0 && <p className={styles["none"]}>No operation matches.</p>}
        {shown.map(({ tag, operations }) => (
          <section key={tag}>
            <h2>{tag.replaceAll("_", " ")}</h2>
            <ul>
              {operations.map((operation) => (
                <li key={operation.id}>
                  <a href={`#${encodeURIComponent(operation.id)}`} aria-current={operation === chosen ? "page" : undefined} title={`${operation.summary ?? operation.id}\n${operation.method.toUpperCase()} ${operation.path}`}>
                    <Method method={operation.method} />
                    <span className={cx(operation.deprecated && styles["deprecated"])}>{operation.summary ?? operation.path}</span>
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
      <main id="operation" className={styles["main"]} tabIndex={-1}>
        {chosen ? <OperationPage key={chosen.id} document={document} operation={chosen} /> : <Introduction document={document} count={all.length} />}
      </main>
    </div>
  );
}

function Method({ method }: { readonly method: string }) {
  return (
    <span className={styles["method"]} data-method={method}>
      {method === "delete" ? "del" : method}
    </span>
  );
}

function Introduction({ document, count }: { readonly document: OpenApi; readonly count: number }) {
  return (
    <div className={styles["article"]}>
      <header className={styles["title"]}>
        <h2>{document.info.title}</h2>
        <p className={styles["soft"]}>
          Version {document.info.version}, {count} operations, OpenAPI {document.openapi}
        </p>
      </header>
      {document.info.description && <Markdown text={document.info.description} />}
      <section>
        <h3>Address</h3>
        <CodeBlock code={serverOrigin()} label="address" />
      </section>
      <section>
        <h3>Authentication</h3>
        <p>Send an API key as a bearer token. In this browser your session is used.</p>
        <CodeBlock code={`curl -H "authorization: Bearer $PHOENIX_API_KEY" \\\n  "${serverOrigin()}/v1/projects"`} label="example request" />
      </section>
      <p>
        <a href={serverPath("/openapi.json")} download>
          Download the document
        </a>{" "}
        to generate a client.
      </p>
    </div>
  );
}

function OperationPage({ document, operation }: { readonly document: OpenApi; readonly operation: Operation }) {
  const body = Object.entries(operation.requestBody?.content ?? {})[0];
  return (
    <article className={styles["article"]}>
      <a href="#operations" className={styles["back"]}>
        All operations
      </a>
      <header className={styles["title"]}>
        <h2>{operation.summary ?? operation.id}</h2>
        <p className={cx("mono", styles["path"])}>
          <Method method={operation.method} />
          {operation.path}
        </p>
        {operation.deprecated && <Notice tone="warning">Deprecated: it may disappear in a later version.</Notice>}
      </header>
      {operation.description && <Markdown text={operation.description} />}
      {(operation.parameters?.length ?? 0) > 0 && (
        <section>
          <h3>Parameters</h3>
          <dl className={styles["properties"]}>
            {operation.parameters?.map((parameter) => (
              <Property key={`${parameter.in}.${parameter.name}`} name={parameter.name} schema={parameter.schema} isRequired={parameter.required === true} note={parameter.in} description={parameter.description} document={document} />
            ))}
          </dl>
        </section>
      )}
      {body && (
        <section>
          <h3>
            Request body <span className={styles["soft"]}>{body[0]}</span>
          </h3>
          <SchemaView document={document} schema={body[1].schema} />
        </section>
      )}
      <section>
        <h3>Responses</h3>
        {Object.entries(operation.responses ?? {}).map(([status, response]) => {
          const media = Object.entries(response.content ?? {})[0];
          return (
            <details key={status} className={styles["response"]} open={status.startsWith("2")}>
              <summary>
                <span className={cx("mono", styles["status"])} data-good={status.startsWith("2")}>
                  {status}
                </span>
                {response.description}
                {media && <span className={styles["soft"]}>{media[0]}</span>}
              </summary>
              {media?.[1].schema && <SchemaView document={document} schema={media[1].schema} />}
            </details>
          );
        })}
      </section>
      <Try document={document} operation={operation} bodyType={body?.[0]} bodySchema={body?.[1].schema} />
    </article>
  );
}

function SchemaView({ document, schema, depth = 0 }: { readonly document: OpenApi; readonly schema: Schema | undefined; readonly depth?: number }) {
  const known = resolve(document, schema);
  const union = known.anyOf ?? known.oneOf;
  if (union) {
    return (
      <div className={styles["variants"]}>
        {union.map((one, i) => (
          <Nested key={i} document={document} schema={one} depth={depth} label={typeText(one)} />
        ))}
      </div>
    );
  }
  const isArray = known.type === "array";
  const properties = known.properties;
  if (isArray) return <Nested document={document} schema={known.items} depth={depth} label={`each: ${typeText(known.items)}`} />;
  if (!properties) return <p className={cx("mono", styles["soft"])}>{typeText(schema)}</p>;
  return (
    <dl className={styles["properties"]}>
      {Object.entries(properties).map(([name, property]) => (
        <Property key={name} name={name} schema={property} isRequired={known.required?.includes(name) === true} description={property.description} document={document} depth={depth} />
      ))}
    </dl>
  );
}

/** Opened on demand: documents are deep, and some schemas contain themselves. */
function Nested({ document, schema, depth, label }: { readonly document: OpenApi; readonly schema: Schema | undefined; readonly depth: number; readonly label: string }) {
  const [open, setOpen] = useState(depth < 1);
  if (!hasInside(document, schema)) return <p className={cx("mono", styles["soft"])}>{label}</p>;
  return (
    <details
      className={styles["nested"]}
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary className="mono">{label}</summary>
      {open && <SchemaView document={document} schema={schema} depth={depth + 1} />}
    </details>
  );
}

function hasInside(document: OpenApi, schema: Schema | undefined): boolean {
  const known = resolve(document, schema);
  return known.properties !== undefined || (known.type === "array" && hasInside(document, known.items)) || (known.anyOf ?? known.oneOf ?? []).some((one) => refName(one) !== null || one.properties !== undefined || one.type === "array");
}

interface PropertyProps {
  readonly name: string;
  readonly schema: Schema | undefined;
  readonly isRequired: boolean;
  readonly note?: string;
  readonly description?: string | undefined;
  readonly document: OpenApi;
  readonly depth?: number;
}

function Property({ name, schema, isRequired, note, description, document, depth = 0 }: PropertyProps) {
  return (
    <div className={styles["property"]}>
      <dt>
        <code>{name}</code>
        <span className={cx("mono", styles["type"])}>{typeText(schema)}</span>
        {note && <span className={styles["tag"]}>{note}</span>}
        {isRequired && <span className={styles["required"]}>required</span>}
      </dt>
      <dd>
        {description && <Markdown text={description} />}
        {schema?.default !== undefined && schema.default !== null && (
          <p className={styles["soft"]}>
            Default <code>{JSON.stringify(schema.default)}</code>
          </p>
        )}
        {hasInside(document, schema) && <Nested document={document} schema={schema} depth={depth + 1} label="Fields" />}
      </dd>
    </div>
  );
}

interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly text: string;
}

const LONGEST_ANSWER = 200_000;

function Try({ document, operation, bodyType, bodySchema }: { readonly document: OpenApi; readonly operation: Operation; readonly bodyType: string | undefined; readonly bodySchema: Schema | undefined }) {
  const fields = (operation.parameters ?? []).filter((parameter): parameter is Parameter => parameter.in === "path" || parameter.in === "query");
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const isJson = bodyType === "application/json";
  const [body, setBody] = useState(() => (isJson ? JSON.stringify(exampleOf(document, bodySchema), null, 2) : ""));
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const path = requestPath(operation, values);

  async function send(event: SyntheticEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const started = performance.now();
    try {
      const response = await authFetch(serverPath(path), {
        method: operation.method.toUpperCase(),
        headers: { accept: "application/json", ...(isJson ? { "content-type": "application/json" } : {}) },
        body: isJson ? body : null,
      });
      const raw = await response.text();
      let text = raw;
      try {
        text = JSON.stringify(JSON.parse(raw), null, 2);
      } catch {
        // Not JSON: shown as it came.
      }
      setAnswer({ status: response.status, ms: performance.now() - started, text: text.slice(0, LONGEST_ANSWER) });
    } catch (error) {
      setProblem(asApiError(error).message);
    }
    setBusy(false);
  }

  if (bodyType !== undefined && !isJson) {
    return (
      <section>
        <h3>Try it</h3>
        <p className={styles["soft"]}>This operation takes {bodyType}, which cannot be typed in here.</p>
      </section>
    );
  }

  return (
    <section>
      <h3>Try it</h3>
      <form
        className={styles["try"]}
        onSubmit={(event) => {
          void send(event);
        }}
      >
        {fields.length > 0 && (
          <div className={styles["fields"]}>
            {fields.map((parameter) => {
              const key = `${parameter.in}.${parameter.name}`;
              return (
                <Field
                  key={key}
                  label={parameter.name}
                  value={values[key] ?? ""}
                  required={parameter.required === true}
                  placeholder={typeText(parameter.schema)}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={(event) => {
                    setValues({ ...values, [key]: event.target.value });
                  }}
                />
              );
            })}
          </div>
        )}
        {isJson && (
          <label className={styles["body"]}>
            <span>Body</span>
            <textarea
              className="mono"
              rows={Math.min(16, body.split("\n").length + 1)}
              spellCheck={false}
              value={body}
              onChange={(event) => {
                setBody(event.target.value);
              }}
            />
          </label>
        )}
        <div className={styles["send"]}>
          <Button type="submit" variant={operation.method === "delete" ? "danger" : "primary"} icon={Play} busy={busy}>
            Send
          </Button>
          <code>
            {operation.method.toUpperCase()} {path}
          </code>
        </div>
      </form>
      <div aria-live="polite" className={styles["answer"]}>
        {problem && <Notice tone="danger">{problem}</Notice>}
        {answer && (
          <>
            <p>
              <span className={cx("mono", styles["status"])} data-good={answer.status < 400}>
                {answer.status}
              </span>
              <span className={styles["soft"]}>{Math.round(answer.ms)} ms</span>
            </p>
            {answer.text !== "" && <CodeBlock code={answer.text} label="answer" />}
          </>
        )}
      </div>
    </section>
  );
}
