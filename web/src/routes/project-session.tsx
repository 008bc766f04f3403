import { useQuery } from "@tanstack/react-query";
import { RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { IconButton } from "@/components/button";
import { Page } from "@/components/page";
import { FailureState, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import logs from "@/features/access_logs/logs.module.css";
import { mayWriteTraces, viewerOptions } from "@/features/auth/session";
import { DeleteSessionDialog } from "@/features/project_sessions/delete-dialog";
import { projectSessionOptions } from "@/features/project_sessions/queries";
import { projectOptions } from "@/features/projects/queries";
import { formatComplete, formatLatency, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { sessionPath, tracePath } from "@/lib/paths";

export function Component() {
  const { projectId = "", sessionId = "" } = useParams();
  const project = useQuery(projectOptions(projectId));
  const query = useQuery(projectSessionOptions(sessionId));
  const mayDelete = mayWriteTraces(useQuery(viewerOptions).data);
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const toast = useToast();
  const now = useNow(15_000);
  return (
    <Page
      title={query.data?.session_id ?? "Session"}
      crumbs={[
        { label: "Projects", to: "/projects" },
        { label: project.data?.name ?? "Project", to: tracePath(projectId) },
        { label: "Sessions", to: sessionPath(projectId) },
      ]}
      actions={
        query.data && (
          <>
            {mayDelete && <IconButton icon={Trash2} label="Delete session" onClick={() => setDeleting(true)} />}
            <IconButton icon={RotateCw} label="Refresh" spinning={query.isRefetching} onClick={() => void query.refetch()} />
          </>
        )
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={8} label="Loading session" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <>
          <div className={logs["list"]}>
            <table className={logs["table"]} aria-label="Traces of the session, earliest first">
              <thead>
                <tr>
                  <th scope="col">Trace</th>
                  <th scope="col">Latency</th>
                  <th scope="col">Started</th>
                </tr>
              </thead>
              <tbody>
                {query.data.traces.map((trace) => (
                  <tr key={trace.id}>
                    <td className={logs["lead"]}>
                      <Link className="mono" to={tracePath(projectId, trace.trace_id)}>
                        {trace.trace_id}
                      </Link>
                    </td>
                    <td>{formatLatency(Date.parse(trace.end_time) - Date.parse(trace.start_time))}</td>
                    <td title={formatComplete(trace.start_time)}>{formatRelative(trace.start_time, now)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <DeleteSessionDialog
            session={query.data}
            isOpen={deleting}
            onClose={() => setDeleting(false)}
            onDeleted={() => {
              toast("The session was deleted.");
              void navigate(sessionPath(projectId), { replace: true });
            }}
          />
        </>
      )}
    </Page>
  );
}
