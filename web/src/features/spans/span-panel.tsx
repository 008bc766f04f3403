import { useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useMemo, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import { Button } from "@/components/button";
import { CopyableId, CopyButton } from "@/components/copy";
import { SearchField } from "@/components/field";
import { JsonTree } from "@/components/json-tree";
import { FailureState, Notice, SkeletonRows } from "@/components/states";
import { SpanAnnotations } from "@/features/annotations/annotations";
import { annotationsOptions } from "@/features/annotations/queries";
import { formatComplete, formatCount, formatLatency } from "@/lib/format";
import { parseAttributes } from "./attributes";
import { KindIcon, kindOf } from "./kind";
import { spanOptions, type SpanDetails, type SpanEvent } from "./queries";
import { SpanInfo } from "./span-info";
import { StatusIcon } from "./status";
import styles from "./span-panel.module.css";

const tabs = ["info", "attributes", "events", "annotations"] as const;
export type SpanTab = (typeof tabs)[number];

export function isSpanTab(value: string | null): value is SpanTab {
  return tabs.some((tab) => tab === value);
}

interface SpanPanelProps {
  readonly id: string;
  readonly tab: SpanTab;
  readonly onTab: (tab: SpanTab) => void;
  /** Where the tree gives way to the panel: the way back to it. */
  readonly onBack: (() => void) | null;
}

export function SpanPanel({ id, tab, onTab, onBack }: SpanPanelProps) {
  const query = useQuery(spanOptions(id));
  return (
    <section className={styles["panel"]} aria-label="Span details">
      {onBack && (
        <div className={styles["back"]}>
          <Button variant="ghost" icon={ArrowLeft} onClick={onBack}>
            All spans
          </Button>
        </div>
      )}
      {query.isPending ? (
        <SkeletonRows rows={6} label="Loading span" />
      ) : query.isError ? (
        <FailureState
          error={query.error}
          what="span"
          onRetry={() => {
            void query.refetch();
          }}
        />
      ) : (
        <Loaded key={id} span={query.data} tab={tab} onTab={onTab} />
      )}
    </section>
  );
}

function Loaded({ span, tab, onTab }: { readonly span: SpanDetails; readonly tab: SpanTab; readonly onTab: (tab: SpanTab) => void }) {
  const attributes = useMemo(() => parseAttributes(span.attributes), [span.attributes]);
  const said = useQuery(annotationsOptions(span.id)).data;
  const sayings = (said?.spanAnnotations.length ?? 0) + (said?.spanNotes.length ?? 0);
  const exceptions = span.events.filter(isException).length;
  return (
    <>
      <header className={styles["header"]}>
        <div className={styles["title"]}>
          <KindIcon kind={span.spanKind} size={24} />
          <h2>{span.name}</h2>
          <StatusIcon status={span.statusCode} />
        </div>
        <dl className={styles["facts"]}>
          <Fact label="Kind">{kindOf(span.spanKind).label}</Fact>
          <Fact label="Latency">{span.endTime === null ? "running" : formatLatency(span.latencyMs)}</Fact>
          {span.tokenCountTotal !== null && span.tokenCountTotal > 0 && (
            <Fact label="Tokens">
              {formatCount(span.tokenCountTotal)}
              <span className={styles["split"]}>
                {formatCount(span.tokenCountPrompt)} in, {formatCount(span.tokenCountCompletion)} out
              </span>
            </Fact>
          )}
          <Fact label="Started">{formatComplete(span.startTime)}</Fact>
          <Fact label="Span">
            <CopyableId value={span.spanId} label="span id" length={16} />
          </Fact>
        </dl>
      </header>
      <Tabs
        className={styles["tabs"] ?? ""}
        selectedKey={tab}
        onSelectionChange={(key) => {
          const chosen = String(key);
          if (isSpanTab(chosen)) onTab(chosen);
        }}
      >
        <TabList aria-label="Span details" className={styles["tablist"] ?? ""}>
          <Tab id="info" className={styles["tab"] ?? ""}>
            Info
          </Tab>
          <Tab id="attributes" className={styles["tab"] ?? ""}>
            Attributes
          </Tab>
          <Tab id="events" className={styles["tab"] ?? ""}>
            Events
            {span.events.length > 0 && <span className={exceptions > 0 ? styles["countBad"] : styles["count"]}>{span.events.length}</span>}
          </Tab>
          <Tab id="annotations" className={styles["tab"] ?? ""}>
            Annotations
            {sayings > 0 && <span className={styles["count"]}>{sayings}</span>}
          </Tab>
        </TabList>
        <TabPanel id="info" className={styles["content"] ?? ""}>
          {span.statusCode === "ERROR" && <Notice tone="danger">{span.statusMessage || "This span ended with an error and no message."}</Notice>}
          <SpanInfo span={span} attributes={attributes} />
        </TabPanel>
        <TabPanel id="attributes" className={styles["content"] ?? ""}>
          <Attributes attributes={attributes} />
        </TabPanel>
        <TabPanel id="events" className={styles["content"] ?? ""}>
          {span.events.length === 0 ? <p className={styles["none"]}>No events were recorded.</p> : <Events events={span.events} start={span.startTime} />}
        </TabPanel>
        <TabPanel id="annotations" className={styles["content"] ?? ""}>
          <SpanAnnotations spanId={span.id} />
        </TabPanel>
      </Tabs>
    </>
  );
}

function Fact({ label, children }: { readonly label: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Attributes({ attributes }: { readonly attributes: ReturnType<typeof parseAttributes> }) {
  const [query, setQuery] = useState("");
  if (Object.keys(attributes).length === 0) return <p className={styles["none"]}>This span has no attributes.</p>;
  return (
    <>
      <div className={styles["tools"]}>
        <SearchField label="Search attributes" placeholder="Search keys and values" value={query} onChange={setQuery} className={styles["grow"] ?? ""} />
        <CopyButton label="Copy all attributes" text={() => JSON.stringify(attributes, null, 2)} />
      </div>
      <JsonTree value={attributes} query={query} />
    </>
  );
}

function isException(event: SpanEvent): boolean {
  return event.name === "exception";
}

function textOf(attributes: unknown, key: string): string | null {
  if (typeof attributes !== "object" || attributes === null) return null;
  const value = key.split(".").reduce<unknown>((at, part) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined), attributes);
  const found = value ?? (attributes as Record<string, unknown>)[key];
  return typeof found === "string" && found !== "" ? found : null;
}

function Events({ events, start }: { readonly events: readonly SpanEvent[]; readonly start: string }) {
  return (
    <ol className={styles["events"]}>
      {events.map((event, i) => {
        const stack = textOf(event.attributes, "exception.stacktrace");
        const type = textOf(event.attributes, "exception.type");
        const message = event.message || textOf(event.attributes, "exception.message");
        const attributes = isException(event) ? null : event.attributes;
        return (
          <li key={i} className={isException(event) ? styles["exception"] : undefined}>
            <div className={styles["eventTop"]}>
              <strong>{type ?? event.name}</strong>
              <span title={formatComplete(event.timestamp)}>+{formatLatency(Math.max(0, Date.parse(event.timestamp) - Date.parse(start)))}</span>
            </div>
            {message && <p className={styles["eventText"]}>{message}</p>}
            {stack && (
              <div className={styles["stack"]}>
                {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
                <pre tabIndex={0} aria-label="Stack trace">
                  {stack}
                </pre>
                <CopyButton text={stack} label="Copy stack trace" />
              </div>
            )}
            {attributes !== null && typeof attributes === "object" && Object.keys(attributes).length > 0 && <JsonTree value={attributes as never} query="" />}
          </li>
        );
      })}
    </ol>
  );
}
