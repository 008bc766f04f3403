import { type ReactNode, useId } from "react";
import styles from "./filters.module.css";

/** What a list is narrowed to, above the list. */
export function FilterBar({ label, children, end }: { readonly label: string; readonly children: ReactNode; readonly end?: ReactNode }) {
  return (
    <div role="group" aria-label={label} className={styles["bar"]}>
      {children}
      {end && <div className={styles["end"]}>{end}</div>}
    </div>
  );
}

interface FilterSelectProps {
  readonly label: string;
  readonly value: string;
  /** The first is what is shown when nothing is chosen. */
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onChange: (value: string) => void;
}

export function FilterSelect({ label, value, options, onChange }: FilterSelectProps) {
  const id = useId();
  const isKnown = options.some((option) => option.value === value);
  return (
    <div className={styles["select"]} data-set={value !== options[0]?.value ? true : undefined}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      >
        {!isKnown && <option value={value}>{value}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}
