import { useInfiniteQuery } from "@tanstack/react-query";
import { asApiError } from "@/api/errors";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { DrawerSection } from "@/components/drawer";
import { FailureState, SkeletonRows } from "@/components/states";
import { deviceOf } from "@/features/sessions/device";
import { formatComplete, formatLatency, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./logs.module.css";
import { keyLogOptions } from "./queries";
import { statusTone } from "./words";

/** The latest requests that came with a key. */
export function KeyLog({ keyId }: { readonly keyId: string }) {
  const now = useNow();
  const query = useInfiniteQuery(keyLogOptions(keyId));
  const records = query.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <DrawerSection title="Access log">
      {query.isPending ? (
        <SkeletonRows rows={3} label="Loading the access log" />
      ) : query.isError ? (
        asApiError(query.error).failure === "notFound" ? (
          <p className={styles["soft"]}>This server keeps no access log.</p>
        ) : (
          <FailureState error={query.error} onRetry={() => void query.refetch()} />
        )
      ) : records.length === 0 ? (
        <p className={styles["soft"]}>No request has come with it yet.</p>
      ) : (
        <>
          <ul className={styles["short"]} aria-label="Requests with this key">
            {records.map((record) => (
              <li key={record.id}>
                <Badge tone={statusTone(record.status)}>{record.status}</Badge>
                <div className={styles["what"]}>
                  <code title={record.route ?? undefined}>
                    {record.method} {record.path}
                  </code>
                  <span className={styles["facts"]}>
                    <span title={formatComplete(record.timestamp)}>{formatRelative(record.timestamp, now)}</span>
                    <span>{formatLatency(record.latencyMs)}</span>
                    <span title={record.userAgent ?? undefined}>
                      {record.ip}, {deviceOf(record.userAgent).name}
                    </span>
                    {record.projectName && <span>{record.projectName}</span>}
                  </span>
                  {record.error && <span className={styles["error"]}>{record.error}</span>}
                </div>
              </li>
            ))}
          </ul>
          {query.hasNextPage && (
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Load more
            </Button>
          )}
        </>
      )}
    </DrawerSection>
  );
}
