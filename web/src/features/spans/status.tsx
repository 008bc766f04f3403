import { CircleAlert, CircleCheck } from "lucide-react";
import styles from "./status.module.css";

/** Done, failed, or nothing said. */
export function StatusIcon({ status }: { readonly status: string }) {
  if (status === "ERROR") {
    return (
      <span className={styles["error"]} title="Error">
        <CircleAlert size={14} aria-hidden="true" />
        <span className="visually-hidden">Error</span>
      </span>
    );
  }
  if (status === "OK") {
    return (
      <span className={styles["ok"]} title="OK">
        <CircleCheck size={14} aria-hidden="true" />
        <span className="visually-hidden">OK</span>
      </span>
    );
  }
  return (
    <span className={styles["unset"]} title="No status">
      <span className="visually-hidden">No status</span>
    </span>
  );
}
