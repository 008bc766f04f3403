import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { MessagesSquare, RotateCw, SearchX } from "lucide-react";
import { useCallback, useEffect, useMemo } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { queryClient, shownByPage } from "@/api/query-client";
import { Button, IconButton } from "@/components/button";
import { CopyableId } from "@/components/copy";
import { Page } from "@/components/page";
import { FailureState, SkeletonRows, State } from "@/components/states";
import { type Column, VirtualTable } from "@/components/virtual-table";
import { FilterBox } from "@/features/filters/filter-box";
import { Onboarding } from "@/features/onboarding/onboarding";
import { projectOptions } from "@/features/projects/queries";
import { KindIcon } from "@/features/spans/kind";
import { StatusIcon } from "@/features/spans/status";
import { mergeNewest } from "@/features/traces/merge";
import { newestTracesOptions, tracesOptions, type TraceSummary } from "@/features/traces/queries";
import { cx } from "@/lib/cx";
import { formatAbsolute, formatCompact, formatComplete, formatCount, formatLatency, formatRelative, NONE, previewText } from "@/lib/format";
import { useNow, usePreference } from "@/lib/hooks";
import { sessionPath, tracePath } from "@/lib/paths";
import styles from "./lists.module.css";

export function loader({ params, request }: { params: { projectId?: string }; request: Request }) {
  queryClient.query(projectOptions(params.projectId ?? "")).catch(shownByPage);
  queryClient.infiniteQuery(tracesOptions(params.projectId ?? "", new URL(request.url).searchParams.get("filter") ?? "")).catch(shownByPage);
  return null;
}

export function shouldRevalidate({ currentParams, nextParams }: { currentParams: { projectId?: string }; nextParams: { projectId?: string } }): boolean {
  return currentParams.projectId !== nextParams.projectId;
}

export function Component() {
  const { projectId = "" } = useParams();
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const live = params.get("live") === "1";
  const filter = params.get("filter") ?? "";
  const [clock, setClock] = usePreference<"relative" | "absolute">("phoenix.clock", "relative", ["relative", "absolute"]);
  const now = useNow(live ? 1000 : 15_000);
  const project = useQuery({ ...projectOptions(projectId), refetchInterval: live ? 8000 : false });
  const query = useInfiniteQuery({ ...tracesOptions(projectId, filter), placeholderData: (before, of) => (of?.queryKey[1] === projectId ? before : undefined) });
  const newest = useQuery(newestTracesOptions(projectId, filter, live));

  const loaded = useMemo(() => query.data?.pages.flatMap((page) => page.rows) ?? [], [query.data]);
  const newestRows = live ? newest.data?.rows : undefined;
  const merged = useMemo(() => mergeNewest(newestRows ?? [], loaded), [newestRows, loaded]);
  const rows = merged.rows;
  const known = useMemo(() => new Set(loaded.map((row) => row.id)), [loaded]);

  useEffect(() => {
    // More arrived than one page holds: start over, rather than leave a hole.
    if (!merged.contiguous) void queryClient.resetQueries({ queryKey: tracesOptions(projectId, filter).queryKey });
  }, [merged.contiguous, projectId, filter]);

  const setFilter = useCallback(
    (value: string) => {
      setParams(
        (before) => {
          if (value === "") before.delete("filter");
          else before.set("filter", value);
          return before;
        },
        { replace: true },
      );
    },
    [setParams],
  );

  const columns = useMemo<readonly Column<TraceSummary>[]>(() => {
    return [
      {
        id: "name",
        header: "Trace",
        track: "minmax(150px, 1.2fr)",
        cell: (trace) => (
          <span className={styles["name"]}>
            <StatusIcon status={trace.errorCount > 0 ? "ERROR" : (trace.rootSpan?.statusCode ?? "UNSET")} />
            <KindIcon kind={trace.rootSpan?.spanKind} />
            <span className={trace.rootSpan ? undefined : styles["faint"]}>{trace.rootSpan?.name ?? "root span missing"}</span>
          </span>
        ),
      },
      { id: "input", header: "Input", track: "minmax(120px, 1.7fr)", from: 720, cell: (trace) => <Preview value={trace.rootSpan?.input?.truncatedValue} /> },
      { id: "output", header: "Output", track: "minmax(120px, 1.7fr)", from: 1000, cell: (trace) => <Preview value={trace.rootSpan?.output?.truncatedValue} /> },
      {
        id: "spans",
        header: "Spans",
        track: "56px",
        align: "end",
        from: 520,
        cell: (trace) => <span className={styles["soft"]}>{formatCompact(trace.numSpans)}</span>,
      },
      {
        id: "errors",
        header: "Errors",
        track: "48px",
        align: "end",
        from: 860,
        cell: (trace) => (trace.errorCount > 0 ? <span className={styles["errorText"]}>{formatCount(trace.errorCount)}</span> : <span className={styles["faint"]}>{NONE}</span>),
      },
      {
        id: "tokens",
        header: "Tokens",
        track: "60px",
        align: "end",
        from: 620,
        cell: (trace) => {
          const tokens = trace.rootSpan?.cumulativeTokenCountTotal;
          return tokens ? <span className={styles["soft"]}>{formatCompact(tokens)}</span> : <span className={styles["faint"]}>{NONE}</span>;
        },
      },
      { id: "latency", header: "Latency", track: "70px", align: "end", cell: (trace) => formatLatency(trace.latencyMs) },
      {
        id: "start",
        header: (
          <button
            type="button"
            className={styles["when"]}
            title="Switch between elapsed and clock time"
            onClick={() => {
              setClock(clock === "relative" ? "absolute" : "relative");
            }}
          >
            Started
          </button>
        ),
        track: clock === "relative" ? "76px" : "128px",
        align: "end",
        cell: (trace) => (
          <time dateTime={trace.startTime} title={formatComplete(trace.startTime)} className={styles["soft"]}>
            {clock === "relative" ? formatRelative(trace.startTime, now) : formatAbsolute(trace.startTime, now)}
          </time>
        ),
      },
    ];
  }, [clock, now, setClock]);

  const title = project.data?.name ?? "Project";
  const failed = project.error ?? query.error;

  return (
    <Page
      title={title}
      crumbs={[{ label: "Projects", to: "/projects" }]}
      actions={
        failed === null && (
          <>
            <Button
              aria-pressed={live}
              className={styles["live"] ?? ""}
              title="Show new traces as they arrive"
              onClick={() => {
                setParams(
                  (before) => {
                    if (live) before.delete("live");
                    else before.set("live", "1");
                    return before;
                  },
                  { replace: true },
                );
              }}
            >
              Live
            </Button>
            <Button icon={MessagesSquare} onClick={() => void navigate(sessionPath(projectId))}>
              Sessions
            </Button>
            <IconButton
              icon={RotateCw}
              label="Refresh"
              spinning={query.isRefetching && !query.isFetchingNextPage}
              onClick={() => {
                void query.refetch();
                void project.refetch();
              }}
            />
          </>
        )
      }
    >
      {failed !== null ? (
        <FailureState
          error={failed}
          what="project"
          onRetry={() => {
            void query.refetch();
            void project.refetch();
          }}
        />
      ) : (
        <>
          <dl className={styles["stats"]}>
            <Stat label="Traces" value={formatCount(project.data?.traceCount)} />
            <Stat label="Spans" value={formatCount(project.data?.recordCount)} />
            <Stat label="Tokens" value={formatCompact(project.data?.tokenCountTotal)} />
            <Stat label="Last activity" value={formatRelative(project.data?.endTime, now)} />
            {project.data && (
              <div>
                <dt>Id</dt>
                <dd>
                  <CopyableId value={project.data.id} label="project id" length={20} />
                </dd>
              </div>
            )}
          </dl>
          {(filter !== "" || rows.length > 0) && <FilterBox projectId={projectId} value={filter} onChange={setFilter} />}
          {query.isPending ? (
            <SkeletonRows rows={12} label="Loading traces" />
          ) : rows.length === 0 && filter !== "" ? (
            <State
              icon={SearchX}
              title="No trace passes this filter"
              role="status"
              actions={
                <Button
                  onClick={() => {
                    setFilter("");
                  }}
                >
                  Show all traces
                </Button>
              }
            />
          ) : rows.length === 0 ? (
            <div className={styles["scroll"]}>
              <Onboarding project={title} exists={project.data !== undefined} title="No traces in this project yet" />
            </div>
          ) : (
            <VirtualTable
              label={`Traces of ${title}, newest first`}
              columns={columns}
              rows={rows}
              rowKey={(trace) => trace.id}
              href={(trace) => tracePath(projectId, trace.traceId)}
              isFresh={(trace) => live && !known.has(trace.id)}
              hasMore={query.hasNextPage}
              isLoadingMore={query.isFetchingNextPage || query.isFetchNextPageError}
              onEndReached={() => {
                void query.fetchNextPage();
              }}
              footer={
                query.isFetchNextPageError ? (
                  <Button
                    icon={RotateCw}
                    onClick={() => {
                      void query.fetchNextPage();
                    }}
                  >
                    Load more
                  </Button>
                ) : query.hasNextPage ? null : (
                  filter === "" ? `All ${formatCount(rows.length)} traces` : `${formatCount(rows.length)} ${rows.length === 1 ? "trace passes" : "traces pass"} the filter`
                )
              }
            />
          )}
        </>
      )}
    </Page>
  );
}

function Stat({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Preview({ value }: { readonly value: string | undefined }) {
  if (!value) return <span className={styles["faint"]}>{NONE}</span>;
  return <span className={cx(styles["soft"])}>{previewText(value)}</span>;
}
