/** The traces of a project, or one of them. */
export function tracePath(projectId: string | undefined, traceId?: string): string {
  const list = `/projects/${encodeURIComponent(projectId ?? "")}/traces`;
  return traceId === undefined ? list : `${list}/${encodeURIComponent(traceId)}`;
}
