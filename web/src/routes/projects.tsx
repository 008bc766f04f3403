import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Folder, RotateCw, SearchX } from "lucide-react";
import { useDeferredValue } from "react";
import { useSearchParams } from "react-router";
import { queryClient, shownByPage } from "@/api/query-client";
import { Button, IconButton } from "@/components/button";
import { SearchField } from "@/components/field";
import { Page } from "@/components/page";
import { FailureState, SkeletonRows, State } from "@/components/states";
import { type Column, VirtualTable } from "@/components/virtual-table";
import { Onboarding } from "@/features/onboarding/onboarding";
import { type Project, projectsOptions } from "@/features/projects/queries";
import { formatCompact, formatComplete, formatCount, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { tracePath } from "@/lib/paths";
import styles from "./lists.module.css";

export function loader({ request }: { request: Request }) {
  queryClient.infiniteQuery(projectsOptions(new URL(request.url).searchParams.get("q") ?? "")).catch(shownByPage);
  return null;
}

export function shouldRevalidate(): boolean {
  return false;
}

export function Component() {
  const [params, setParams] = useSearchParams();
  const search = params.get("q") ?? "";
  const query = useInfiniteQuery({ ...projectsOptions(useDeferredValue(search)), placeholderData: keepPreviousData });
  const now = useNow();
  const projects = query.data?.pages.flatMap((page) => page.projects.edges.map((edge) => edge.node)) ?? [];
  const nothingYet = query.isSuccess && search === "" && projects.every((project) => project.traceCount === 0);

  const setSearch = (value: string) => {
    setParams(
      (before) => {
        if (value === "") before.delete("q");
        else before.set("q", value);
        return before;
      },
      { replace: true },
    );
  };

  const columns: readonly Column<Project>[] = [
    {
      id: "name",
      header: "Project",
      track: "minmax(140px, 2fr)",
      cell: (project) => (
        <span className={styles["name"]}>
          <Folder size={14} aria-hidden="true" />
          <span>{project.name}</span>
        </span>
      ),
    },
    { id: "description", header: "Description", track: "minmax(120px, 2fr)", from: 900, cell: (project) => <span className={styles["soft"]}>{project.description}</span> },
    { id: "traces", header: "Traces", track: "76px", align: "end", cell: (project) => formatCompact(project.traceCount) },
    { id: "spans", header: "Spans", track: "76px", align: "end", from: 560, cell: (project) => formatCompact(project.recordCount) },
    { id: "tokens", header: "Tokens", track: "84px", align: "end", from: 560, cell: (project) => formatCompact(project.tokenCountTotal) },
    {
      id: "last",
      header: "Last activity",
      track: "100px",
      align: "end",
      cell: (project) => (
        <span className={styles["soft"]} title={formatComplete(project.endTime)}>
          {project.endTime === null ? "no traces" : formatRelative(project.endTime, now)}
        </span>
      ),
    },
  ];

  return (
    <Page
      title="Projects"
      actions={
        <>
          <SearchField label="Search projects" value={search} onChange={setSearch} className={styles["search"] ?? ""} />
          <IconButton
            icon={RotateCw}
            label="Refresh"
            spinning={query.isRefetching}
            onClick={() => {
              void query.refetch();
            }}
          />
        </>
      }
    >
      {query.isPending ? (
        <SkeletonRows label="Loading projects" />
      ) : query.isError ? (
        <FailureState
          error={query.error}
          onRetry={() => {
            void query.refetch();
          }}
        />
      ) : projects.length === 0 && search !== "" ? (
        <State
          icon={SearchX}
          title={`No project matches “${search}”`}
          role="status"
          actions={
            <Button
              onClick={() => {
                setSearch("");
              }}
            >
              Show all projects
            </Button>
          }
        />
      ) : nothingYet ? (
        <div className={styles["scroll"]}>
          {projects.length > 0 && (
            <div className={styles["shortList"]}>
              <VirtualTable label="Projects" columns={columns} rows={projects} rowKey={keyOf} href={hrefOf} />
            </div>
          )}
          <Onboarding project={projects[0]?.name ?? "default"} exists={projects.length > 0} title="No traces yet" />
        </div>
      ) : (
        <VirtualTable
          label="Projects"
          columns={columns}
          rows={projects}
          rowKey={keyOf}
          href={hrefOf}
          hasMore={query.hasNextPage}
          isLoadingMore={query.isFetchingNextPage}
          onEndReached={() => {
            void query.fetchNextPage();
          }}
          footer={query.hasNextPage ? null : `${formatCount(projects.length)} ${projects.length === 1 ? "project" : "projects"}`}
        />
      )}
    </Page>
  );
}

const keyOf = (project: Project) => project.id;
const hrefOf = (project: Project) => tracePath(project.id);
