import { useQuery } from "@tanstack/react-query";
import { Download, RotateCw, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { asApiError } from "@/api/errors";
import { queryClient, shownByPage } from "@/api/query-client";
import { IconButton } from "@/components/button";
import { CopyableId } from "@/components/copy";
import { Page } from "@/components/page";
import { Splitter } from "@/components/splitter";
import { FailureState, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import { mayWriteTraces, viewerOptions } from "@/features/auth/session";
import { projectOptions } from "@/features/projects/queries";
import { isSpanTab, SpanPanel, type SpanTab } from "@/features/spans/span-panel";
import { SpanTree } from "@/features/spans/span-tree";
import { buildSpanTree } from "@/features/spans/tree";
import { DeleteTraceDialog } from "@/features/traces/delete-dialog";
import { downloadTrace } from "@/features/traces/download";
import { type TraceDetail, traceOptions } from "@/features/traces/queries";
import { formatCompact, formatComplete, formatCount, formatLatency, formatRelative } from "@/lib/format";
import { useMediaQuery, useNow } from "@/lib/hooks";
import { tracePath } from "@/lib/paths";
import styles from "./trace.module.css";

interface Params {
  readonly projectId?: string;
  readonly traceId?: string;
}

export function loader({ params }: { params: Params }) {
  queryClient.query(projectOptions(params.projectId ?? "")).catch(shownByPage);
  queryClient.query(traceOptions(params.projectId ?? "", params.traceId ?? "")).catch(shownByPage);
  return null;
}

export function shouldRevalidate({ currentParams, nextParams }: { currentParams: Params; nextParams: Params }): boolean {
  return currentParams.traceId !== nextParams.traceId;
}

export function Component() {
  const { projectId = "", traceId = "" } = useParams();
  const query = useQuery(traceOptions(projectId, traceId));
  const project = useQuery(projectOptions(projectId));
  const toast = useToast();
  const mayDelete = mayWriteTraces(useQuery(viewerOptions).data);
  const navigate = useNavigate();
  const [downloading, setDownloading] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const home = tracePath(projectId);
  const name = query.data?.rootSpan?.name ?? "Trace";

  async function download() {
    setDownloading(true);
    try {
      await downloadTrace(projectId, traceId);
    } catch (error) {
      toast(asApiError(error).message, "danger");
    }
    setDownloading(false);
  }

  return (
    <Page
      title={name}
      crumbs={[
        { label: "Projects", to: "/projects" },
        { label: query.data?.projectName ?? project.data?.name ?? "Project", to: home },
      ]}
      actions={
        query.data && (
          <>
            <IconButton icon={Download} label="Download spans as JSON" disabled={downloading} onClick={() => void download()} />
            {mayDelete && <IconButton icon={Trash2} label="Delete trace" onClick={() => setDeleting(true)} />}
            <IconButton icon={RotateCw} label="Refresh" spinning={query.isRefetching} onClick={() => void query.refetch()} />
          </>
        )
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={12} label="Loading trace" />
      ) : query.isError ? (
        <FailureState error={query.error} what="trace" onRetry={() => void query.refetch()} />
      ) : (
        <>
          <Loaded trace={query.data} />
          <DeleteTraceDialog
            id={query.data.id}
            isOpen={deleting}
            onClose={() => setDeleting(false)}
            onDeleted={() => {
              toast("The trace was deleted.");
              void navigate(home, { replace: true });
            }}
          />
        </>
      )}
    </Page>
  );
}

function Loaded({ trace }: { readonly trace: TraceDetail }) {
  const [params, setParams] = useSearchParams();
  const isSmall = useMediaQuery("(max-width: 820px)");
  const now = useNow();
  const tree = useMemo(() => buildSpanTree(trace.spans), [trace.spans]);
  const chosen = params.get("span");
  const known = chosen === null ? undefined : tree.bySpanId.get(chosen);
  // Beside each other, something is always selected; one at a time, the tree comes first.
  const selected = known ?? (isSmall ? undefined : tree.roots[0]);
  const wantedTab = params.get("tab");
  const tab: SpanTab = isSpanTab(wantedTab) ? wantedTab : "info";
  const [walked, setWalked] = useState<string | null>(null);
  const active = walked ?? selected?.span.spanId ?? null;
  const tokens = trace.rootSpan?.cumulativeTokenCountTotal;

  const change = (name: string, value: string | null, replace = true) => {
    setParams(
      (before) => {
        if (value === null) before.delete(name);
        else before.set(name, value);
        return before;
      },
      // At once, not as a transition: the next key starts from the span that this one led to.
      { replace, flushSync: true },
    );
  };

  const treePane = (
    <SpanTree
      spans={trace.spans}
      selected={active}
      onSelect={(spanId, how) => {
        if (isSmall && how === "walk") {
          setWalked(spanId);
          return;
        }
        setWalked(null);
        change("span", spanId, !isSmall);
      }}
    />
  );
  const panel = selected && (
    <SpanPanel
      id={selected.span.id}
      tab={tab}
      onTab={(next) => {
        change("tab", next === "info" ? null : next);
      }}
      onBack={
        isSmall
          ? () => {
              change("span", null);
            }
          : null
      }
    />
  );

  return (
    <>
      {!(isSmall && selected) && (
        <dl className={styles["facts"]}>
          <Fact label="Latency">{formatLatency(trace.latencyMs)}</Fact>
          <Fact label="Spans">{formatCount(trace.numSpans)}</Fact>
          {trace.errorCount > 0 && (
            <Fact label="Errors">
              <span className={styles["bad"]}>{formatCount(trace.errorCount)}</span>
            </Fact>
          )}
          {!!tokens && <Fact label="Tokens">{formatCompact(tokens)}</Fact>}
          <Fact label="Started">
            <time dateTime={trace.startTime} title={formatComplete(trace.startTime)}>
              {formatRelative(trace.startTime, now)}
            </time>
          </Fact>
          <Fact label="Trace">
            <CopyableId value={trace.traceId} label="trace id" length={isSmall ? 8 : 32} />
          </Fact>
        </dl>
      )}
      {isSmall ? <div className={styles["single"]}>{panel ?? treePane}</div> : <Splitter name="phoenix.trace-split" label="Width of the span tree" start={treePane} end={panel} />}
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
