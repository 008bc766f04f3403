import styles from "./wordmark.module.css";

/** Three bars of a trace, rising. */
export function Mark({ size = 20 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" className={styles["mark"]}>
      <rect x="1.5" y="13.6" width="9" height="3.8" rx="1.9" opacity="0.5" />
      <rect x="4.5" y="8.1" width="10.5" height="3.8" rx="1.9" opacity="0.78" />
      <rect x="9.5" y="2.6" width="9" height="3.8" rx="1.9" />
    </svg>
  );
}

export function Wordmark({ size = 20 }: { readonly size?: number }) {
  return (
    <span className={styles["wordmark"]}>
      <Mark size={size} />
      <span>
        phoenix <span className={styles["second"]}>server</span>
      </span>
    </span>
  );
}
