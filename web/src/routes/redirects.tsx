import { redirect } from "react-router";
import { findProjectByName } from "@/features/projects/queries";
import { findProjectOfTrace } from "@/features/traces/queries";
import { tracePath } from "@/lib/paths";

export { Component } from "./not-found";

/** Links that exporters and notebooks print, which know names and trace ids but not ours. */
export async function loader({ params }: { params: { what?: string; id?: string } }) {
  const id = params.id ?? "";
  if (params.what === "traces") {
    const project = await findProjectOfTrace(id);
    if (project !== null) return redirect(tracePath(project, id));
  } else if (params.what === "projects") {
    const project = await findProjectByName(id);
    if (project !== null) return redirect(tracePath(project));
  }
  return null;
}
