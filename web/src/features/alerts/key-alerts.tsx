import { useQuery } from "@tanstack/react-query";
import { Badge } from "@/components/badge";
import { DrawerSection } from "@/components/drawer";
import { formatComplete, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./alerts.module.css";
import { openAlertsOfKeyOptions } from "./queries";
import { kindInWords, kindTone, whyInWords } from "./words";

/** What is wrong with a key; nothing, as long as nothing is. */
export function KeyAlerts({ keyId }: { readonly keyId: string }) {
  const now = useNow();
  const alerts = useQuery(openAlertsOfKeyOptions(keyId)).data?.data ?? [];
  if (alerts.length === 0) return null;
  return (
    <DrawerSection title="Alerts">
      <ul className={styles["list"]} aria-label="Open alerts">
        {alerts.map((alert) => (
          <li key={alert.id} className={styles["item"]}>
            <span className={styles["head"]}>
              <Badge tone={kindTone(alert.kind)}>{kindInWords(alert.kind)}</Badge>
              <span className={styles["faint"]} title={formatComplete(alert.raisedAt)}>
                {formatRelative(alert.raisedAt, now)}
              </span>
            </span>
            <span title={alert.message}>{whyInWords(alert)}</span>
          </li>
        ))}
      </ul>
    </DrawerSection>
  );
}
