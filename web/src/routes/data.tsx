import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "@/components/button";
import { Section } from "@/components/page";
import { FailureState, SkeletonRows } from "@/components/states";
import { config } from "@/config";
import logs from "@/features/access_logs/logs.module.css";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { DeletePolicyDialog, PolicyDialog } from "@/features/retention/policy-dialogs";
import { policiesOptions, type Policy } from "@/features/retention/queries";
import { cronInWords, ruleInWords } from "@/features/retention/words";

export function Component() {
  const canChange = isAdmin(useQuery(viewerOptions).data) || !config.authenticationEnabled;
  const query = useInfiniteQuery(policiesOptions);
  const [edited, setEdited] = useState<Policy | "new" | null>(null);
  const [doomed, setDoomed] = useState<Policy | null>(null);
  const defaultId = query.data?.pages[0]?.defaultProjectTraceRetentionPolicy.id;
  return (
    <Section
      title="Data"
      width="table"
      intro="How long traces are kept. A project without a policy of its own is under the default one."
      actions={
        canChange && (
          <Button icon={Plus} onClick={() => setEdited("new")}>
            New policy
          </Button>
        )
      }
    >
      {query.isPending ? (
        <SkeletonRows label="Loading the policies" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className={logs["list"]}>
          <table className={logs["table"]} aria-label="Retention policies">
            <thead>
              <tr>
                <th scope="col">Policy</th>
                <th scope="col">When</th>
                <th scope="col">Projects</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {query.data.pages.flatMap((page) =>
                page.projectTraceRetentionPolicies.edges.map(({ node }) => (
                  <tr key={node.id}>
                    <td className={logs["lead"]}>
                      {node.name}
                      <span className={logs["sub"]}>{ruleInWords(node.rule)}</span>
                    </td>
                    <td>{cronInWords(node.cronExpression)}</td>
                    <td>{projectsOf(node)}</td>
                    <td className={logs["corner"]}>
                      {canChange && (
                        <>
                          <IconButton icon={Pencil} label={`Change ${node.name}`} onClick={() => setEdited(node)} />
                          {node.id !== defaultId && <IconButton icon={Trash2} label={`Delete ${node.name}`} onClick={() => setDoomed(node)} />}
                        </>
                      )}
                    </td>
                  </tr>
                )),
              )}
            </tbody>
          </table>
          {query.hasNextPage && (
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show more
            </Button>
          )}
        </div>
      )}
      <PolicyDialog policy={edited} isDefault={edited !== null && edited !== "new" && edited.id === defaultId} onClose={() => setEdited(null)} />
      <DeletePolicyDialog policy={doomed} onClose={() => setDoomed(null)} />
    </Section>
  );
}

function projectsOf({ projects }: Policy): string {
  const names = projects.edges.map((edge) => edge.node.name);
  if (names.length === 0) return "none";
  const shown = names.slice(0, 5).join(", ");
  const more = names.length - 5;
  if (projects.pageInfo.hasNextPage) return `${shown} and more than ${String(more)} others`;
  return more > 0 ? `${shown} and ${String(more)} more` : shown;
}
