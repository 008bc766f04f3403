import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Radio, ScrollText } from "lucide-react";
import { Link } from "react-router";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { FilterBar, FilterSelect } from "@/components/filters";
import { ExportButton, LogState, ScrollArea } from "@/components/log-page";
import { Section } from "@/components/page";
import { NoAccess } from "@/components/states";
import { config } from "@/config";
import styles from "@/features/access_logs/logs.module.css";
import type { AccessRecord } from "@/features/access_logs/live";
import { type AccessFilter, accessLogLines, accessLogOptions, liveLogOptions } from "@/features/access_logs/queries";
import { principalInWords, startOfChoice, statusTone, timeChoices } from "@/features/access_logs/words";
import { keysOptions } from "@/features/api_keys/platform";
import { formatBytes } from "@/features/api_keys/usage";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { deviceOf } from "@/features/sessions/device";
import { usersOptions } from "@/features/users/queries";
import { cx } from "@/lib/cx";
import { formatAbsolute, formatComplete, formatLatency, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { useParam } from "@/lib/url-params";

const outcomes = [
  { value: "", label: "Any" },
  { value: "2xx", label: "2xx, done" },
  { value: "4xx", label: "4xx, refused" },
  { value: "401", label: "401, not known" },
  { value: "403", label: "403, not allowed" },
  { value: "429", label: "429, too many" },
  { value: "5xx", label: "5xx, failed" },
];
const methods = [{ value: "", label: "Any" }, ...["GET", "POST", "PUT", "PATCH", "DELETE"].map((method) => ({ value: method, label: method }))];

export function Component() {
  const allowed = isAdmin(useQuery(viewerOptions).data);
  return !config.authenticationEnabled || allowed ? (
    <AccessLogPage />
  ) : (
    <Section title="Access log" width="table">
      <NoAccess>The access log is for administrators.</NoAccess>
    </Section>
  );
}

function AccessLogPage() {
  const now = useNow();
  const [get, set, setAll] = useParam();
  const users = useQuery({ ...usersOptions, enabled: config.authenticationEnabled }).data ?? [];
  const keys = useInfiniteQuery({ ...keysOptions({}), enabled: config.authenticationEnabled }).data?.pages.flatMap((page) => page.data) ?? [];
  const [when, status, method, key, user] = [get("when", "day"), get("status"), get("method"), get("key"), get("user")];
  const isLive = get("live") === "1";
  const start = isLive ? undefined : startOfChoice(when, now);
  const filter: AccessFilter = { ...(status !== "" && { status }), ...(method !== "" && { method }), ...(key !== "" && { key }), ...(user !== "" && { user }), ...(start !== undefined && { start }) };
  const viewer = useQuery(viewerOptions).data;
  const query = useInfiniteQuery({ ...accessLogOptions(filter), placeholderData: (before) => before, enabled: !isLive });
  const live = useQuery({ ...liveLogOptions(filter, viewer?.id), enabled: isLive });
  const records = (isLive ? live.data : query.data?.pages.flatMap((page) => page.data)) ?? [];
  const isFiltered = [status, method, key, user].some((value) => value !== "") || (!isLive && when !== "all");
  const nameOf = (id: string) => users.find((one) => one.id === id)?.username;

  return (
    <Section title="Access log" width="table" intro="Every request of somebody known, and every one that was refused.">
      <FilterBar
        label="Narrow the log"
        end={
          <>
            <Button icon={Radio} className={styles["live"]} aria-pressed={isLive} title="Shows requests as they come, asked for every two seconds while this tab is in sight" onClick={() => set("live", isLive ? "" : "1")}>
              Live
            </Button>
            {records.length > 0 && <ExportButton file="access-log.ndjson" lines={() => accessLogLines(filter)} />}
          </>
        }
      >
        {!isLive && <FilterSelect label="Time" value={when} options={timeChoices} onChange={(value) => set("when", value, "day")} />}
        <FilterSelect label="Status" value={status} options={outcomes} onChange={(value) => set("status", value)} />
        <FilterSelect label="Method" value={method} options={methods} onChange={(value) => set("method", value)} />
        <FilterSelect label="Key" value={key} options={[{ value: "", label: "Any" }, ...keys.map((one) => ({ value: one.id, label: one.name }))]} onChange={(value) => set("key", value)} />
        <FilterSelect label="User" value={user} options={[{ value: "", label: "Anybody" }, ...users.map((one) => ({ value: one.id, label: one.username }))]} onChange={(value) => set("user", value)} />
      </FilterBar>
      <LogState
        query={isLive ? live : query}
        isEmpty={records.length === 0}
        icon={ScrollText}
        what="access log"
        onClearFilter={isFiltered ? () => setAll(["status", ""], ["method", ""], ["key", ""], ["user", ""], ["when", "all"]) : undefined}
      >
        <ScrollArea label="Access log" className={styles["list"]}>
          <table className={styles["table"]} aria-label="Requests">
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Request</th>
                <th scope="col">Status</th>
                <th scope="col">Who</th>
                <th scope="col" className={styles["wide"]}>
                  From
                </th>
                <th scope="col" className={cx(styles["wide"], styles["end"])}>
                  Took
                </th>
                <th scope="col" className={cx(styles["wide"], styles["end"])}>
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {records.map((record) => (
                <Row key={record.id} record={record} now={now} who={principalInWords(record.principal, nameOf)} />
              ))}
            </tbody>
          </table>
          <div className={styles["foot"]}>
            <span>
              {isLive ? "The newest " : ""}
              {plural(records.length, "request")}
            </span>
            {!isLive && query.hasNextPage && (
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

function Row({ record, now, who }: { readonly record: AccessRecord; readonly now: number; readonly who: { readonly name: string; readonly kind: string | null } }) {
  const { keyId } = record.principal;
  return (
    <tr>
      <td className={styles["nowrap"]} title={`${formatComplete(record.timestamp)}, request ${record.requestId}`}>
        {formatAbsolute(record.timestamp, now)}
      </td>
      <td className={styles["lead"]}>
        <code title={record.route ?? undefined}>
          {record.method} {record.path}
        </code>
        {record.projectName && <span className={styles["sub"]}>Project {record.projectName}</span>}
        {record.error && <span className={cx(styles["sub"], styles["error"])}>{record.error}</span>}
      </td>
      <td className={styles["corner"]}>
        <Badge tone={statusTone(record.status)}>{record.status}</Badge>
      </td>
      <td className={styles["inline"]}>
        {keyId ? (
          <Link to={`/settings/api-keys/${encodeURIComponent(keyId)}`} className={styles["strong"]}>
            {who.name}
          </Link>
        ) : (
          <span className={styles["strong"]}>{who.name}</span>
        )}
        {who.kind && <span className={styles["sub"]}>{who.kind}</span>}
      </td>
      <td className={styles["wide"]} title={record.userAgent ?? undefined}>
        {record.ip}
        <span className={styles["sub"]}>{deviceOf(record.userAgent).name}</span>
      </td>
      <td className={cx(styles["wide"], styles["end"], styles["nowrap"])}>{formatLatency(record.latencyMs)}</td>
      <td className={cx(styles["wide"], styles["end"], styles["nowrap"])} title="Sent by the client / by the server">
        {formatBytes(record.bytesIn)}
        <span className={styles["sub"]}>{formatBytes(record.bytesOut)}</span>
      </td>
    </tr>
  );
}
