import { useState } from "react";
import { formatCompact } from "@/lib/format";
import styles from "./bar-chart.module.css";

interface Bar {
  readonly label: string;
  readonly value: number;
  /** How much of the value is bad. */
  readonly bad: number;
}

interface BarChartProps {
  /** What the chart says, for whoever cannot see it. */
  readonly summary: string;
  readonly bars: readonly Bar[];
  /** Words for the bar under the pointer. */
  readonly describe: (bar: Bar) => string;
}

/** A scale that ends at a round number. */
export function niceMax(value: number): number {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

/** Counts over time, few enough to tell the bars apart. */
export function BarChart({ summary, bars, describe }: BarChartProps) {
  const [at, setAt] = useState<number | null>(null);
  const max = niceMax(Math.max(0, ...bars.map((bar) => bar.value)));
  const shown = at === null ? undefined : bars[at];
  const percent = (value: number) => `${String((value / max) * 100)}%`;
  return (
    <figure className={styles["figure"]}>
      <div className={styles["plot"]}>
        <div className={styles["axis"]} aria-hidden="true">
          <span>{formatCompact(max)}</span>
          <span>{formatCompact(max / 2)}</span>
          <span>0</span>
        </div>
        <div
          className={styles["bars"]}
          role="img"
          aria-label={summary}
          onPointerLeave={() => {
            setAt(null);
          }}
        >
          {bars.map((bar, i) => (
            <div
              key={bar.label}
              className={styles["slot"]}
              data-on={i === at ? true : undefined}
              onPointerEnter={() => {
                setAt(i);
              }}
            >
              {bar.value > 0 && (
                <div className={styles["bar"]} style={{ height: percent(bar.value) }}>
                  {bar.bad > 0 && <div className={styles["bad"]} style={{ height: `${String((bar.bad / bar.value) * 100)}%` }} />}
                </div>
              )}
            </div>
          ))}
        </div>
      </div>
      <figcaption className={styles["caption"]} aria-hidden="true">
        {shown === undefined ? (
          <>
            <span>{bars[0]?.label}</span>
            <span>{bars.at(-1)?.label}</span>
          </>
        ) : (
          <span className={styles["said"]}>{describe(shown)}</span>
        )}
      </figcaption>
    </figure>
  );
}
