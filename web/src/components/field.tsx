import { Search, X } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "@/lib/cx";
import styles from "./field.module.css";

interface FieldProps extends Omit<ComponentProps<"input">, "id"> {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | null | undefined;
  readonly corner?: ReactNode;
}

/** A labelled text input with its hint and its error. */
export function Field({ label, hint, error, corner, className, ...input }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={cx(styles["field"], className)}>
      <div className={styles["top"]}>
        <label htmlFor={id}>{label}</label>
        {corner}
      </div>
      <input {...input} id={id} className={styles["input"]} aria-invalid={error ? true : undefined} aria-describedby={described || undefined} />
      {hint && (
        <div id={`${id}-hint`} className={styles["hint"]}>
          {hint}
        </div>
      )}
      {error && (
        <p id={`${id}-error`} className={styles["error"]}>
          {error}
        </p>
      )}
    </div>
  );
}

interface SearchFieldProps extends Omit<ComponentProps<"input">, "onChange" | "value" | "type"> {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function SearchField({ label, value, onChange, className, ...rest }: SearchFieldProps) {
  return (
    <div className={cx(styles["search"], className)}>
      <Search size={14} aria-hidden="true" />
      <input
        {...rest}
        type="text"
        inputMode="search"
        autoComplete="off"
        spellCheck={false}
        aria-label={label}
        placeholder={rest.placeholder ?? label}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value !== "") {
            event.stopPropagation();
            onChange("");
          }
          rest.onKeyDown?.(event);
        }}
      />
      {value !== "" && (
        <button
          type="button"
          aria-label="Clear search"
          onClick={() => {
            onChange("");
          }}
        >
          <X size={13} aria-hidden="true" />
        </button>
      )}
    </div>
  );
}

interface SelectFieldProps extends Omit<ComponentProps<"select">, "id"> {
  readonly label: string;
}

export function SelectField({ label, children, ...rest }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles["field"]}>
      <div className={styles["top"]}>
        <label htmlFor={id}>{label}</label>
      </div>
      <select {...rest} id={id} className={styles["input"]}>
        {children}
      </select>
    </div>
  );
}
