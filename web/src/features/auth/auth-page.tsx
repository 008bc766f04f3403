import type { ReactNode } from "react";
import { Mark, Wordmark } from "@/components/wordmark";
import { config } from "@/config";
import styles from "./auth-page.module.css";

/** Left to right, top to bottom: the shape of a trace, for the side of the page. */
const bars: readonly (readonly [left: number, width: number, strength: number])[] = [
  [0, 100, 0.9],
  [4, 30, 0.5],
  [7, 12, 0.3],
  [36, 56, 0.7],
  [39, 22, 0.4],
  [62, 27, 0.55],
  [65, 8, 0.3],
  [74, 14, 0.4],
  [93, 7, 0.6],
];

export function AuthPage({ title, intro, children }: { readonly title: string; readonly intro?: ReactNode; readonly children: ReactNode }) {
  return (
    <div className={styles["page"]}>
      <main className={styles["main"]}>
        <div className={styles["card"]}>
          <Wordmark size={24} />
          <div className={styles["intro"]}>
            <h1>{title}</h1>
            {intro && <p>{intro}</p>}
          </div>
          {children}
        </div>
        {config.serverVersion !== "" && <p className={styles["version"]}>Version {config.serverVersion}</p>}
      </main>
      <aside className={styles["side"]} aria-hidden="true">
        <div className={styles["figure"]}>
          {bars.map(([left, width, strength], i) => (
            <span key={i} style={{ marginLeft: `${String(left)}%`, width: `${String(width)}%`, opacity: strength, animationDelay: `${String(i * 60)}ms` }} />
          ))}
        </div>
        <div className={styles["motto"]}>
          <Mark size={18} />
          Every step your models take, in order.
        </div>
      </aside>
    </div>
  );
}
