import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from "react";
import { usePreference } from "@/lib/hooks";
import styles from "./splitter.module.css";

interface SplitterProps {
  /** Where the width is remembered. */
  readonly name: string;
  readonly label: string;
  readonly start: ReactNode;
  readonly end: ReactNode;
}

const MIN = 25;
const MAX = 75;
const clamp = (percent: number) => Math.min(MAX, Math.max(MIN, percent));

/** Two panes and a border between them to drag, or to move with the arrow keys. */
export function Splitter({ name, label, start, end }: SplitterProps) {
  const box = useRef<HTMLDivElement>(null);
  const [stored, store] = usePreference<string>(name, "48");
  const percent = clamp(Number(stored) || 48);
  const move = (to: number) => {
    store(clamp(to).toFixed(1));
  };

  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
  }

  function onPointerMove(event: PointerEvent<HTMLDivElement>) {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || !box.current) return;
    const bounds = box.current.getBoundingClientRect();
    move(((event.clientX - bounds.left) / bounds.width) * 100);
  }

  function onKeyDown(event: KeyboardEvent) {
    const step: Record<string, number> = { ArrowLeft: percent - 2, ArrowRight: percent + 2, Home: MIN, End: MAX };
    const wanted = step[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    move(wanted);
  }

  return (
    <div ref={box} className={styles["box"]} style={{ gridTemplateColumns: `minmax(0, ${String(percent)}fr) 1px minmax(0, ${String(100 - percent)}fr)` }}>
      <div className={styles["pane"]}>{start}</div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a focusable separator is a widget (WAI-ARIA window splitter) */}
      <div
        role="separator"
        aria-orientation="vertical"
        aria-label={label}
        aria-valuenow={Math.round(percent)}
        aria-valuemin={MIN}
        aria-valuemax={MAX}
        tabIndex={0} // eslint-disable-line jsx-a11y/no-noninteractive-tabindex -- see above
        className={styles["handle"]}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onKeyDown={onKeyDown}
      />
      <div className={styles["pane"]}>{end}</div>
    </div>
  );
}
