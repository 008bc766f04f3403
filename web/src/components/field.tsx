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

interface TextAreaFieldProps extends Omit<ComponentProps<"textarea">, "id"> {
  readonly label: string;
}

/** A labelled text of several lines. */
export function TextAreaField({ label, ...rest }: TextAreaFieldProps) {
  const id = useId();
  return (
    <div className={styles["field"]}>
      <div className={styles["top"]}>
        <label htmlFor={id}>{label}</label>
      </div>
      <textarea {...rest} id={id} className={cx(styles["input"], styles["area"])} />
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
  readonly hint?: ReactNode;
}

export function SelectField({ label, hint, children, ...rest }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles["field"]}>
      <div className={styles["top"]}>
        <label htmlFor={id}>{label}</label>
      </div>
      <select {...rest} id={id} className={styles["input"]} aria-describedby={hint ? `${id}-hint` : undefined}>
        {children}
      </select>
      {hint && (
        <div id={`${id}-hint`} className={styles["hint"]}>
          {hint}
        </div>
      )}
    </div>
  );
}

interface ChoiceFieldProps<T extends string> {
  readonly label: string;
  readonly name: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string; readonly text?: string }[];
  readonly onChange: (value: T) => void;
  readonly disabled?: boolean;
  readonly hint?: ReactNode;
}

/** One of a few that need a word each. */
export function ChoiceField<T extends string>({ label, name, value, options, onChange, disabled = false, hint }: ChoiceFieldProps<T>) {
  const id = useId();
  return (
    <fieldset className={styles["field"]} disabled={disabled} aria-describedby={hint ? `${id}-hint` : undefined}>
      <legend className={styles["legend"]}>{label}</legend>
      <div className={styles["choices"]}>
        {options.map((option) => (
          <label key={option.value} className={styles["choice"]}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={value === option.value}
              aria-describedby={option.text === undefined ? undefined : `${id}-${option.value}`}
              aria-labelledby={`${id}-${option.value}-label`}
              onChange={() => {
                onChange(option.value);
              }}
            />
            <span className={styles["choiceText"]}>
              <span id={`${id}-${option.value}-label`}>{option.label}</span>
              {option.text !== undefined && (
                <span id={`${id}-${option.value}`} className={styles["hint"]}>
                  {option.text}
                </span>
              )}
            </span>
          </label>
        ))}
      </div>
      {hint && (
        <div id={`${id}-hint`} className={styles["hint"]}>
          {hint}
        </div>
      )}
    </fieldset>
  );
}

interface CheckFieldProps extends Omit<ComponentProps<"input">, "id" | "type"> {
  readonly label: string;
  readonly hint?: ReactNode;
}

export function CheckField({ label, hint, className, ...input }: CheckFieldProps) {
  const id = useId();
  return (
    <div className={cx(styles["check"], className)}>
      <input {...input} type="checkbox" id={id} aria-describedby={hint ? `${id}-hint` : undefined} />
      <div className={styles["choiceText"]}>
        <label htmlFor={id}>{label}</label>
        {hint && (
          <div id={`${id}-hint`} className={styles["hint"]}>
            {hint}
          </div>
        )}
      </div>
    </div>
  );
}
