import { ChevronRight, Image } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { CopyButton } from "@/components/copy";
import { Markdown } from "@/components/markdown";
import { Segmented } from "@/components/segmented";
import { cx } from "@/lib/cx";
import { plural } from "@/lib/format";
import { type Document, type JsonObject, looksLikeMarkdown, type Message, prettyJson, readDocuments, readLlm, readTool } from "./attributes";
import type { SpanDetails } from "./queries";
import styles from "./span-info.module.css";

/** What went in and what came out, in the words of the span's kind. */
export function SpanInfo({ span, attributes }: { readonly span: SpanDetails; readonly attributes: JsonObject }) {
  const llm = useMemo(() => readLlm(attributes), [attributes]);
  const tool = useMemo(() => readTool(attributes), [attributes]);
  const documents = useMemo(() => readDocuments(attributes), [attributes]);
  const hasMessages = (llm?.inputMessages.length ?? 0) > 0;
  const hasAnswers = (llm?.outputMessages.length ?? 0) > 0;
  const empty = !span.input?.value && !span.output?.value && !hasMessages && !hasAnswers && documents.length === 0 && !tool;

  return (
    <>
      {llm && (llm.model !== null || llm.invocationParameters !== null) && (
        <dl className={styles["model"]}>
          {llm.model !== null && (
            <div>
              <dt>Model</dt>
              <dd className="mono">{llm.model}</dd>
            </div>
          )}
          {llm.provider !== null && (
            <div>
              <dt>Provider</dt>
              <dd>{llm.provider}</dd>
            </div>
          )}
          {llm.invocationParameters !== null && llm.invocationParameters !== "{}" && (
            <div>
              <dt>Parameters</dt>
              <dd className="mono">{parametersLine(llm.invocationParameters)}</dd>
            </div>
          )}
        </dl>
      )}
      {hasMessages && llm && (
        <Card title="Input messages" note={String(llm.inputMessages.length)}>
          <Messages messages={llm.inputMessages} />
        </Card>
      )}
      {hasAnswers && llm && (
        <Card title="Output messages" note={llm.outputMessages.length > 1 ? String(llm.outputMessages.length) : undefined}>
          <Messages messages={llm.outputMessages} />
        </Card>
      )}
      {llm && llm.prompts.length > 0 && !hasMessages && llm.prompts.map((prompt, i) => <Text key={i} title="Prompt" value={prompt} />)}
      {tool && (tool.name ?? tool.description ?? tool.parameters) !== null && (
        <Card title={tool.name ?? "Tool"} note="tool">
          {tool.description !== null && <p className={styles["body"]}>{tool.description}</p>}
          {tool.parameters !== null && <pre className={styles["pre"]}>{prettyJson(tool.parameters) ?? tool.parameters}</pre>}
        </Card>
      )}
      {span.input?.value && <Text title="Input" value={span.input.value} isShut={hasMessages} />}
      {documents.map((group) => (
        <Card key={group.title} title={group.title} note={String(group.documents.length)}>
          <Documents documents={group.documents} />
        </Card>
      ))}
      {span.output?.value && <Text title="Output" value={span.output.value} isShut={hasAnswers || documents.length > 0} />}
      {llm && llm.tools.length > 0 && (
        <Card title="Tools on offer" note={String(llm.tools.length)} isShut>
          {llm.tools.map((entry, i) => (
            <details key={i} className={styles["tool"]}>
              <summary className="mono">{entry.name}</summary>
              <pre className={styles["pre"]}>{entry.schema}</pre>
            </details>
          ))}
        </Card>
      )}
      {empty && <p className={styles["empty"]}>This span recorded no input and no output. All that it carries is under Attributes.</p>}
    </>
  );
}

function parametersLine(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) {
      return Object.entries(value)
        .filter(([, v]) => typeof v !== "object")
        .map(([k, v]) => `${k}=${String(v)}`)
        .join("  ");
    }
  } catch {
    // Shown as it is.
  }
  return text;
}

interface CardProps {
  readonly title: string;
  readonly note?: string | undefined;
  readonly tools?: ReactNode;
  readonly isShut?: boolean;
  readonly children: ReactNode;
}

function Card({ title, note, tools, isShut = false, children }: CardProps) {
  const [open, setOpen] = useState(!isShut);
  return (
    <section className={styles["card"]}>
      <header className={styles["top"]}>
        <h3>
          <button
            type="button"
            aria-expanded={open}
            onClick={() => {
              setOpen(!open);
            }}
          >
            <ChevronRight size={13} aria-hidden="true" />
            {title}
            {note !== undefined && <span className={styles["note"]}>{note}</span>}
          </button>
        </h3>
        {open && tools}
      </header>
      {open && children}
    </section>
  );
}

type View = "text" | "json" | "markdown";

function Text({ title, value, isShut = false }: { readonly title: string; readonly value: string; readonly isShut?: boolean }) {
  const pretty = useMemo(() => prettyJson(value), [value]);
  const views: { value: View; label: string }[] = [
    { value: "text", label: "Text" },
    pretty === null ? { value: "markdown", label: "Markdown" } : { value: "json", label: "JSON" },
  ];
  const [view, setView] = useState<View>(() => (pretty !== null ? "json" : looksLikeMarkdown(value) ? "markdown" : "text"));
  return (
    <Card
      title={title}
      isShut={isShut}
      tools={
        <div className={styles["tools"]}>
          <Segmented label={`${title} format`} value={view} options={views} onChange={setView} />
          <CopyButton text={value} label={`Copy ${title.toLowerCase()}`} />
        </div>
      }
    >
      <Clamp>
        {view === "markdown" ? (
          <div className={styles["body"]}>
            <Markdown text={value} />
          </div>
        ) : view === "json" && pretty !== null ? (
          <pre className={styles["pre"]}>{pretty}</pre>
        ) : (
          <div className={styles["plain"]}>{value}</div>
        )}
      </Clamp>
    </Card>
  );
}

/** Keeps long contents from pushing the rest away; they scroll inside. */
function Clamp({ children }: { readonly children: ReactNode }) {
  return <div className={styles["clamp"]}>{children}</div>;
}

const FEW_MESSAGES = 12;

function Messages({ messages }: { readonly messages: readonly Message[] }) {
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, messages.length - FEW_MESSAGES);
  return (
    <ol className={styles["messages"]}>
      {messages.slice(0, hidden > 0 ? 2 : undefined).map((message, i) => (
        <MessageItem key={i} message={message} />
      ))}
      {hidden > 0 && (
        <>
          <li>
            <button
              type="button"
              className={styles["between"]}
              onClick={() => {
                setAll(true);
              }}
            >
              Show {plural(hidden, "message")} in between
            </button>
          </li>
          {messages.slice(2 + hidden).map((message, i) => (
            <MessageItem key={`end-${String(i)}`} message={message} />
          ))}
        </>
      )}
    </ol>
  );
}

function MessageItem({ message }: { readonly message: Message }) {
  const { text } = message;
  const pretty = text === null ? null : prettyJson(text);
  return (
    <li className={styles["message"]} data-role={message.role}>
      <div className={styles["role"]}>
        <span>{message.role}</span>
        {(message.name ?? message.toolCallId) !== null && <span className={cx("mono", styles["id"])}>{message.name ?? message.toolCallId}</span>}
        {text !== null && <CopyButton text={text} label={`Copy ${message.role} message`} className={styles["copy"]} />}
      </div>
      {text !== null && text !== "" && (pretty !== null ? <pre className={styles["pre"]}>{pretty}</pre> : <Markdown text={text} />)}
      {message.images > 0 && (
        <p className={styles["images"]}>
          <Image size={13} aria-hidden="true" /> {plural(message.images, "image")}, see Attributes
        </p>
      )}
      {message.toolCalls.map((call, i) => (
        <div key={i} className={styles["call"]}>
          <span className="mono">
            {call.name}
            {call.id !== null && <span className={styles["id"]}> {call.id}</span>}
          </span>
          {call.arguments !== "" && <pre className={styles["pre"]}>{prettyJson(call.arguments) ?? call.arguments}</pre>}
        </div>
      ))}
    </li>
  );
}

function Documents({ documents }: { readonly documents: readonly Document[] }) {
  return (
    <ol className={styles["messages"]}>
      {documents.map((document, i) => (
        <li key={i} className={styles["message"]}>
          <div className={styles["role"]}>
            <span>{i + 1}</span>
            {document.id !== null && <span className={cx("mono", styles["id"])}>{document.id}</span>}
            {document.score !== null && <span className={styles["score"]}>score {Number(document.score.toPrecision(4))}</span>}
            {document.content !== null && <CopyButton text={document.content} label={`Copy document ${String(i + 1)}`} className={styles["copy"]} />}
          </div>
          {document.content !== null && <div className={styles["excerpt"]}>{document.content}</div>}
          {document.metadata !== null && <pre className={styles["pre"]}>{prettyJson(document.metadata) ?? document.metadata}</pre>}
        </li>
      ))}
    </ol>
  );
}
