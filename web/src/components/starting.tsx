import styles from "./starting.module.css";
import { Mark } from "./wordmark";

/** The page before its first data: calm, and only there if that takes a while. */
export function Starting() {
  return (
    <div className={styles["starting"]} role="status" aria-label="Loading">
      <Mark size={32} />
    </div>
  );
}
