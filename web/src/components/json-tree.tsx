import { ChevronRight } from "lucide-react";
import { memo, type ReactNode, useMemo, useState } from "react";
import { CopyButton } from "./copy";
import { jsonMatches, type JsonPath, type JsonValue, pathText } from "./json-search";
import styles from "./json-tree.module.css";

const LONG_TEXT = 400;
const FIRST_ENTRIES = 100;
const OPEN_DEPTH = 2;

interface JsonTreeProps {
  readonly value: JsonValue;
  readonly query: string;
}

/** JSON to open and close, search and copy from. With a query only the ways to matches are shown, all open. */
export const JsonTree = memo(function JsonTree({ value, query }: JsonTreeProps) {
  const matches = useMemo(() => (query.trim() === "" ? null : jsonMatches(value, query)), [value, query]);
  if (matches?.size === 0) return <p className={styles["none"]}>Nothing matches “{query}”.</p>;
  return (
    <div className={styles["tree"]}>
      <Entries value={value} path={[]} matches={matches} query={query.trim()} />
    </div>
  );
});

interface NodeProps {
  readonly value: JsonValue;
  readonly path: JsonPath;
  readonly matches: ReadonlySet<string> | null;
  readonly query: string;
}

function entriesOf(value: JsonValue): [string | number, JsonValue][] {
  if (Array.isArray(value)) return value.map((v, i) => [i, v]);
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function Entries({ value, path, matches, query }: NodeProps) {
  const [shown, setShown] = useState(FIRST_ENTRIES);
  const entries = entriesOf(value).filter(([key]) => !matches || matches.has(pathText([...path, key])));
  return (
    <ul className={styles["list"]}>
      {entries.slice(0, shown).map(([key, child]) => (
        <Entry key={key} name={key} value={child} path={[...path, key]} matches={matches} query={query} />
      ))}
      {entries.length > shown && (
        <li>
          <button
            type="button"
            className={styles["more"]}
            onClick={() => {
              setShown(shown + 10 * FIRST_ENTRIES);
            }}
          >
            Show {Math.min(entries.length - shown, 10 * FIRST_ENTRIES)} more of {entries.length}
          </button>
        </li>
      )}
    </ul>
  );
}

function Entry({ name, value, path, matches, query }: NodeProps & { readonly name: string | number }) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const nested = typeof value === "object" && value !== null;
  const size = nested ? Object.keys(value).length : 0;
  const open = chosen ?? (matches !== null || path.length <= OPEN_DEPTH);
  const key = (
    <span className={typeof name === "number" ? styles["index"] : styles["key"]}>
      <Marked text={String(name)} query={query} />
    </span>
  );
  return (
    <li className={styles["entry"]}>
      <div className={styles["line"]}>
        {nested && size > 0 ? (
          <button
            type="button"
            aria-expanded={open}
            className={styles["toggle"]}
            onClick={() => {
              setChosen(!open);
            }}
          >
            <ChevronRight size={12} aria-hidden="true" />
            {key}
            <span className={styles["size"]}>{Array.isArray(value) ? `[${String(size)}]` : `{${String(size)}}`}</span>
          </button>
        ) : (
          <span className={styles["leaf"]}>
            {key}
            <Leaf value={value} query={query} />
          </span>
        )}
        <CopyButton
          label={`Copy ${pathText(path)}`}
          text={() => (typeof value === "string" ? value : JSON.stringify(value, null, 2))}
          className={styles["copy"]}
        />
      </div>
      {nested && size > 0 && open && <Entries value={value} path={path} matches={matches} query={query} />}
    </li>
  );
}

function Leaf({ value, query }: { readonly value: JsonValue; readonly query: string }) {
  const [whole, setWhole] = useState(false);
  if (typeof value === "string") {
    const cut = !whole && value.length > LONG_TEXT;
    return (
      <span className={styles["string"]}>
        <Marked text={cut ? `${value.slice(0, LONG_TEXT)}…` : value} query={query} />
        {cut && (
          <button
            type="button"
            className={styles["more"]}
            onClick={() => {
              setWhole(true);
            }}
          >
            Show all {value.length.toLocaleString("en")} characters
          </button>
        )}
      </span>
    );
  }
  const text = Array.isArray(value) ? "[]" : typeof value === "object" && value !== null ? "{}" : String(value);
  return (
    <span className={typeof value === "number" ? styles["number"] : styles["atom"]}>
      <Marked text={text} query={query} />
    </span>
  );
}

function Marked({ text, query }: { readonly text: string; readonly query: string }): ReactNode {
  if (query === "") return text;
  const at = text.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + query.length)}</mark>
      {text.slice(at + query.length)}
    </>
  );
}
