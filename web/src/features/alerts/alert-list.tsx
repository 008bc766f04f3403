import { useInfiniteQuery } from "@tanstack/react-query";
import { BellOff, SearchX } from "lucide-react";
import { Link } from "react-router";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { FailureState, SkeletonRows, State } from "@/components/states";
import styles from "@/features/access_logs/logs.module.css";
import { cx } from "@/lib/cx";
import { formatAbsolute, formatComplete, formatRelative, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { type Alert, alertsOptions } from "./queries";
import { kindInWords, kindTone, resolutionInWords, whyInWords } from "./words";

interface AlertListProps {
  readonly status: "open" | "resolved";
  readonly kind: string;
  readonly onClearKind: () => void;
}

export function AlertList({ status, kind, onClearKind }: AlertListProps) {
  const now = useNow();
  const query = useInfiniteQuery(alertsOptions({ status, ...(kind !== "" && { kind }) }));
  const alerts = query.data?.pages.flatMap((page) => page.data) ?? [];
  if (query.isPending) return <SkeletonRows label="Loading the alerts" />;
  if (query.isError) return <FailureState error={query.error} onRetry={() => void query.refetch()} />;
  if (alerts.length === 0) {
    return kind !== "" ? (
      <State icon={SearchX} title="No alert is of this kind" role="status" actions={<Button onClick={onClearKind}>Show every kind</Button>} />
    ) : status === "open" ? (
      <State icon={BellOff} title="All is well" role="status">
        No key gives reason for an alert.
      </State>
    ) : (
      <State icon={BellOff} title="Nothing is over yet" role="status">
        Alerts come here by themselves when their reason is gone.
      </State>
    );
  }
  return (
    <div className={styles["list"]}>
      <table className={styles["table"]} aria-label={status === "open" ? "Open alerts" : "Resolved alerts"}>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Kind</th>
            <th scope="col">Why</th>
            <th scope="col">{status === "open" ? "Since" : "Over"}</th>
          </tr>
        </thead>
        <tbody>
          {alerts.map((alert) => (
            <Row key={alert.id} alert={alert} now={now} />
          ))}
        </tbody>
      </table>
      <div className={styles["foot"]}>
        <span>{plural(alerts.length, "alert")}</span>
        {query.hasNextPage && (
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Load more
          </Button>
        )}
      </div>
    </div>
  );
}

function Row({ alert, now }: { readonly alert: Alert; readonly now: number }) {
  return (
    <tr>
      <td className={styles["lead"]}>
        <Link to={`/settings/api-keys/${encodeURIComponent(alert.key.id)}`} className={styles["strong"]}>
          {alert.key.name}
        </Link>
        <span className={styles["sub"]}>
          <code>{alert.key.maskedKey}</code>
        </span>
      </td>
      <td className={styles["corner"]}>
        <Badge tone={alert.status === "open" ? kindTone(alert.kind) : "quiet"}>{kindInWords(alert.kind)}</Badge>
      </td>
      <td title={alert.message}>{whyInWords(alert)}</td>
      <td className={cx(styles["nowrap"], styles["inline"])}>
        <span title={formatComplete(alert.resolvedAt ?? alert.raisedAt)}>{formatRelative(alert.resolvedAt ?? alert.raisedAt, now)}</span>
        {alert.resolvedAt !== null && (
          <span className={styles["sub"]} title={formatComplete(alert.raisedAt)}>
            {resolutionInWords(alert.resolution)}; since {formatAbsolute(alert.raisedAt, now)}
          </span>
        )}
      </td>
    </tr>
  );
}
