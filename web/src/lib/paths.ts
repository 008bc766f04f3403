/** The traces of a project, or one of them. */
export function tracePath(projectId: string | undefined, traceId?: string): string {
  const list = `/projects/${encodeURIComponent(projectId ?? "")}/traces`;
  return traceId === undefined ? list : `${list}/${encodeURIComponent(traceId)}`;
}

/** The sessions of a project, or one of them. */
export function sessionPath(projectId: string, sessionId?: string): string {
  const list = `/projects/${encodeURIComponent(projectId)}/sessions`;
  return sessionId === undefined ? list : `${list}/${encodeURIComponent(sessionId)}`;
}
