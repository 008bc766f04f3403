import type { ReactNode } from "react";
import { cx } from "@/lib/cx";
import styles from "./badge.module.css";

/** A word about the state of something. */
export function Badge({ tone = "quiet", children }: { readonly tone?: "quiet" | "accent" | "success" | "warning" | "danger"; readonly children: ReactNode }) {
  return <span className={cx(styles["badge"], styles[tone])}>{children}</span>;
}
