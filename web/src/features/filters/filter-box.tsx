import { useQuery } from "@tanstack/react-query";
import { CircleHelp, ListFilter, X } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import styles from "./filter-box.module.css";
import { verdictOptions } from "./queries";

/** How long nobody types before what was typed is looked at. */
export const PAUSE_MS = 400;

const EXAMPLES: readonly { readonly filter: string; readonly meaning: string }[] = [
  { filter: "error_count > 0", meaning: "with a failed span" },
  { filter: "latency_ms > 5000 and num_spans > 3", meaning: "slow, and of several spans" },
  { filter: "'refund' in input", meaning: "whose input contains a text, in either case" },
  { filter: "user.id == 'alice'", meaning: "of one user" },
  { filter: "metadata['tier'] == 'gold'", meaning: "with this metadata on the root span" },
  { filter: "any(s.span_kind == 'TOOL' and s.status_code == 'ERROR' for s in spans)", meaning: "with a tool that failed" },
  { filter: "len([s for s in spans if s.span_kind == 'LLM']) > 3", meaning: "with more than three model calls" },
  { filter: "trace_annotations['quality'].score < 0.5", meaning: "judged to be bad" },
  { filter: "start_time > '2026-07-01T00:00:00Z'", meaning: "started after a moment" },
];

interface FilterBoxProps {
  readonly projectId: string;
  /** The filter in use. */
  readonly value: string;
  /** Called with a filter that can be used. */
  readonly onChange: (value: string) => void;
}

/** The filter of a list of traces: looked at while it is typed, used once it can be. */
export function FilterBox({ projectId, value, onChange }: FilterBoxProps) {
  const id = useId();
  const [text, setText] = useState(value);
  const [settled, setSettled] = useState(value);
  const [helps, setHelps] = useState(false);
  const help = useRef<HTMLDivElement>(null);
  const used = useRef(value);

  // The address changed without this box: the way back, or a link.
  useEffect(() => {
    if (value === used.current) return;
    used.current = value;
    setText(value);
    setSettled(value);
  }, [value]);

  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(text);
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);

  const condition = settled.trim();
  const verdict = useQuery({ ...verdictOptions(projectId, condition), enabled: condition !== "" });
  const isCurrent = text.trim() === condition;
  const usable = condition === "" || verdict.data?.isValid === true;
  const error = isCurrent && verdict.data?.isValid === false ? verdict.data.errorMessage : null;

  useEffect(() => {
    if (!isCurrent || !usable || condition === used.current) return;
    used.current = condition;
    onChange(condition);
  }, [isCurrent, usable, condition, onChange]);

  useEffect(() => {
    if (!helps) return;
    const close = (event: PointerEvent) => {
      if (!help.current?.contains(event.target as Node)) setHelps(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key === "Escape") setHelps(false);
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", escape);
    };
  }, [helps]);

  const use = (filter: string) => {
    setText(filter);
    setSettled(filter);
    setHelps(false);
  };

  return (
    <div className={styles["box"]} ref={help}>
      <div className={styles["line"]} data-set={value !== "" || undefined} data-wrong={error !== null || undefined}>
        <ListFilter size={14} aria-hidden="true" />
        <input
          type="text"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          aria-label="Filter traces"
          aria-invalid={error !== null || undefined}
          aria-describedby={error === null ? undefined : `${id}-error`}
          placeholder="Filter: error_count > 0 and latency_ms > 1000"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") setSettled(text);
            else if (event.key === "Escape" && !helps && text !== "") {
              event.stopPropagation();
              use("");
            }
          }}
        />
        {text !== "" && (
          <button
            type="button"
            aria-label="Clear filter"
            onClick={() => {
              use("");
            }}
          >
            <X size={13} aria-hidden="true" />
          </button>
        )}
        <button
          type="button"
          aria-label="How to filter"
          aria-expanded={helps}
          aria-controls={`${id}-help`}
          onClick={() => {
            setHelps(!helps);
          }}
        >
          <CircleHelp size={14} aria-hidden="true" />
        </button>
      </div>
      {error !== null && (
        <pre id={`${id}-error`} role="status" className={styles["error"]}>
          {error}
        </pre>
      )}
      {isCurrent && verdict.isError && (
        <p role="status" className={styles["error"]}>
          The filter could not be checked. Press Enter to try again.
        </p>
      )}
      {helps && (
        <div id={`${id}-help`} role="group" aria-label="Examples of filters" className={styles["help"]}>
          <p>
            A condition in Python’s words: <code>and</code> <code>or</code> <code>not</code> <code>in</code> <code>is None</code>. Traces with…
          </p>
          <ul>
            {EXAMPLES.map((example) => (
              <li key={example.filter}>
                <button
                  type="button"
                  onClick={() => {
                    use(example.filter);
                  }}
                >
                  <code>{example.filter}</code>
                  <span>{example.meaning}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
