import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { MessagesSquare, RotateCw } from "lucide-react";
import { Link, useParams } from "react-router";
import { Button, IconButton } from "@/components/button";
import { Page } from "@/components/page";
import { FailureState, SkeletonRows, State } from "@/components/states";
import logs from "@/features/access_logs/logs.module.css";
import { projectSessionsOptions } from "@/features/project_sessions/queries";
import { projectOptions } from "@/features/projects/queries";
import { formatComplete, formatCompact, formatCount, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { sessionPath, tracePath } from "@/lib/paths";

export function Component() {
  const { projectId = "" } = useParams();
  const project = useQuery(projectOptions(projectId));
  const query = useInfiniteQuery(projectSessionsOptions(projectId));
  const now = useNow(15_000);
  const rows = query.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Page
      title="Sessions"
      crumbs={[
        { label: "Projects", to: "/projects" },
        { label: project.data?.name ?? "Project", to: tracePath(projectId) },
      ]}
      actions={<IconButton icon={RotateCw} label="Refresh" spinning={query.isRefetching && !query.isFetchingNextPage} onClick={() => void query.refetch()} />}
    >
      {query.isPending ? (
        <SkeletonRows rows={12} label="Loading sessions" />
      ) : query.isError ? (
        <FailureState error={query.error} what="project" onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <State icon={MessagesSquare} title="No sessions in this project yet" role="status">
          Spans with the attribute <code>session.id</code> gather their traces here.
        </State>
      ) : (
        <div className={logs["list"]}>
          <table className={logs["table"]} aria-label="Sessions, last seen first">
            <thead>
              <tr>
                <th scope="col">Session</th>
                <th scope="col">Traces</th>
                <th scope="col" className={logs["wide"]}>
                  Tokens
                </th>
                <th scope="col">Started</th>
                <th scope="col">Last activity</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((session) => (
                <tr key={session.id}>
                  <td className={logs["lead"]}>
                    <Link to={sessionPath(projectId, session.id)}>{session.session_id}</Link>
                  </td>
                  <td>{formatCount(session.traces.length)}</td>
                  <td className={logs["wide"]}>{formatCompact(session.token_count_total)}</td>
                  <td title={formatComplete(session.start_time)}>{formatRelative(session.start_time, now)}</td>
                  <td title={formatComplete(session.end_time)}>{formatRelative(session.end_time, now)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {query.hasNextPage && (
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show more
            </Button>
          )}
        </div>
      )}
    </Page>
  );
}
