import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Link } from "react-router";
import { Button } from "@/components/button";
import { SearchField } from "@/components/field";
import { FilterBar, FilterSelect } from "@/components/filters";
import { ExportButton, LogState, ScrollArea } from "@/components/log-page";
import { Section } from "@/components/page";
import { NoAccess } from "@/components/states";
import { config } from "@/config";
import styles from "@/features/access_logs/logs.module.css";
import { startOfChoice, timeChoices } from "@/features/access_logs/words";
import { type AuditFilter, auditLogLines, auditLogOptions, type AuditRecord } from "@/features/audit_logs/queries";
import { actionInWords, actions, actorInWords, detailsOf, subjectKind } from "@/features/audit_logs/words";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { cx } from "@/lib/cx";
import { formatAbsolute, formatComplete, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { useParam } from "@/lib/url-params";
import lists from "./lists.module.css";

const choices = [
  { value: "", label: "Anything" },
  ...["api_key", "user", "session", "project", "alert_destination"].map((kind) => ({ value: kind, label: `All of: ${subjectKind(kind)}` })),
  ...actions.map((action) => ({ value: action, label: actionInWords(action) })),
];
const times = [...timeChoices.filter((one) => one.value === "month"), ...timeChoices.filter((one) => one.value !== "month" && one.value !== "hour")];

export function Component() {
  const allowed = isAdmin(useQuery(viewerOptions).data);
  return !config.authenticationEnabled || allowed ? (
    <AuditLogPage />
  ) : (
    <Section title="Audit log" width="table">
      <NoAccess>The audit log is for administrators.</NoAccess>
    </Section>
  );
}

function AuditLogPage() {
  const now = useNow();
  const [get, set, setAll] = useParam();
  const [when, action] = [get("when", "month"), get("action")];
  const [actor, setActor] = useState(get("actor"));
  const [subject, setSubject] = useState(get("subject"));
  const [wantedActor, wantedSubject] = [useDeferredValue(actor.trim()), useDeferredValue(subject.trim())];
  const start = startOfChoice(when, now);
  const filter: AuditFilter = { ...(action !== "" && { action }), ...(wantedActor !== "" && { actor: wantedActor }), ...(wantedSubject !== "" && { subject: wantedSubject }), ...(start !== undefined && { start }) };
  const query = useInfiniteQuery({ ...auditLogOptions(filter), placeholderData: (before) => before });
  const records = query.data?.pages.flatMap((page) => page.data) ?? [];
  const isFiltered = action !== "" || actor !== "" || subject !== "" || when !== "all";

  return (
    <Section title="Audit log" width="table" intro="Who changed users, keys, sessions and projects, and who signed in.">
      <FilterBar label="Narrow the log" end={records.length > 0 && <ExportButton file="audit-log.ndjson" lines={() => auditLogLines(filter)} />}>
        <FilterSelect label="Time" value={when} options={times} onChange={(value) => set("when", value, "month")} />
        <FilterSelect label="What" value={action} options={choices} onChange={(value) => set("action", value)} />
        <SearchField
          label="Who did it"
          placeholder="Who: exact name or id"
          value={actor}
          className={lists["search"] ?? ""}
          onChange={(value) => {
            setActor(value);
            set("actor", value);
          }}
        />
        <SearchField
          label="To whom or what"
          placeholder="To what: exact name or id"
          value={subject}
          className={lists["search"] ?? ""}
          onChange={(value) => {
            setSubject(value);
            set("subject", value);
          }}
        />
      </FilterBar>
      <LogState
        query={query}
        isEmpty={records.length === 0}
        icon={History}
        what="audit log"
        onClearFilter={
          isFiltered
            ? () => {
                setActor("");
                setSubject("");
                setAll(["action", ""], ["actor", ""], ["subject", ""], ["when", "all"]);
              }
            : undefined
        }
      >
        <ScrollArea label="Audit log" className={styles["list"]}>
          <table className={styles["table"]} aria-label="What was done">
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">What</th>
                <th scope="col">Who</th>
                <th scope="col">To what</th>
                <th scope="col">Details</th>
                <th scope="col" className={styles["wide"]}>
                  From
                </th>
              </tr>
            </thead>
            <tbody>
              {records.map((record) => (
                <Row key={record.id} record={record} now={now} />
              ))}
            </tbody>
          </table>
          <div className={styles["foot"]}>
            <span>{plural(records.length, "entry", "entries")}</span>
            {query.hasNextPage && (
              <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                Load more
              </Button>
            )}
          </div>
        </ScrollArea>
      </LogState>
    </Section>
  );
}

/** Where the subject can be looked at, as long as it exists. */
function pathOf({ type, id }: AuditRecord["subject"], action: string): string | null {
  if (id === null || action.endsWith(".delete")) return null;
  if (type === "api_key") return `/settings/api-keys/${encodeURIComponent(id)}`;
  return type === "user" ? `/settings/users/${encodeURIComponent(id)}` : null;
}

function Row({ record, now }: { readonly record: AuditRecord; readonly now: number }) {
  const actor = actorInWords(record.actor);
  const { subject } = record;
  const path = pathOf(subject, record.action);
  const name = subject.name ?? subject.id;
  const details = detailsOf(record.details);
  return (
    <tr>
      <td className={cx(styles["nowrap"], styles["corner"])} title={`${formatComplete(record.timestamp)}${record.requestId === null ? "" : `, request ${record.requestId}`}`}>
        {formatAbsolute(record.timestamp, now)}
      </td>
      <td className={styles["lead"]}>
        <span className={styles["strong"]} title={record.action}>
          {actionInWords(record.action)}
        </span>
      </td>
      <td className={styles["inline"]}>
        <span className={styles["strong"]} title={record.actor.id}>
          {actor.name}
        </span>
        {actor.kind && <span className={styles["sub"]}>{actor.kind}</span>}
      </td>
      <td className={styles["inline"]}>
        {name !== null && (path === null ? <span title={subject.id ?? undefined}>{name}</span> : <Link to={path}>{name}</Link>)}
        <span className={styles["sub"]}>{subjectKind(subject.type)}</span>
      </td>
      <td>
        {details.length > 0 && (
          <dl className={styles["details"]}>
            {details.map(([one, value]) => (
              <Detail key={one} name={one} value={value} />
            ))}
          </dl>
        )}
      </td>
      <td className={styles["wide"]}>{record.ip ?? "—"}</td>
    </tr>
  );
}

function Detail({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
