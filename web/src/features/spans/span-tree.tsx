import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, ChevronsDownUp, ChevronsUpDown, CircleAlert, Unlink } from "lucide-react";
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { IconButton } from "@/components/button";
import { SearchField } from "@/components/field";
import type { TraceSpan } from "@/features/traces/queries";
import { cx } from "@/lib/cx";
import { formatCompact, formatLatency, plural } from "@/lib/format";
import { useMediaQuery } from "@/lib/hooks";
import { KindIcon, kindOf } from "./kind";
import { barOf, buildSpanTree, indentOf, isCompressed, matchesWithAncestors, type SpanNode, visibleNodes, windowOf } from "./tree";
import styles from "./span-tree.module.css";

interface SpanTreeProps {
  readonly spans: readonly TraceSpan[];
  readonly selected: string | null;
  readonly onSelect: (spanId: string, how: "walk" | "open") => void;
}

/** The spans of a trace as a tree with a timeline: one stop for the Tab key, arrows inside. */
export function SpanTree({ spans, selected, onSelect }: SpanTreeProps) {
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [query, setQuery] = useState("");
  const [errorsOnly, setErrorsOnly] = useState(false);
  const wanted = useDeferredValue(query.trim().toLowerCase());
  const rowHeight = useMediaQuery("(pointer: coarse)") ? 40 : 30;

  const tree = useMemo(() => buildSpanTree(spans), [spans]);
  const window = useMemo(() => windowOf(spans), [spans]);
  const errors = useMemo(() => spans.filter((span) => span.statusCode === "ERROR").length, [spans]);
  const filter = useMemo(() => {
    if (wanted === "" && !errorsOnly) return null;
    return matchesWithAncestors(
      tree,
      (span) =>
        (!errorsOnly || span.statusCode === "ERROR") &&
        (wanted === "" || span.name.toLowerCase().includes(wanted) || span.spanKind === wanted || span.spanId === wanted),
    );
  }, [tree, wanted, errorsOnly]);
  const rows = useMemo(() => visibleNodes(tree.roots, collapsed, filter?.keep), [tree, collapsed, filter]);
  const indexOf = useMemo(() => new Map(rows.map((row, i) => [row.span.spanId, i])), [rows]);
  const hasTokens = useMemo(() => spans.some((span) => (span.tokenCountTotal ?? 0) > 0), [spans]);
  const hasParents = useMemo(() => [...tree.bySpanId.values()].some((node) => node.children.length > 0), [tree]);

  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are called during this render only
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 16,
    paddingEnd: 12,
    scrollPaddingEnd: 12,
  });

  useEffect(() => {
    if (wanted !== "" || errorsOnly) scroller.current?.scrollTo({ top: 0 });
  }, [wanted, errorsOnly]);

  const at = selected === null ? -1 : (indexOf.get(selected) ?? -1);
  const seen = useRef<string | null>(null);
  useEffect(() => {
    // Only a new selection moves the list, not a span that is folded away around it.
    if (at < 0 || seen.current === selected) return;
    seen.current = selected;
    virtual.scrollToIndex(at, { align: "auto" });
  }, [at, selected, virtual]);

  function fold(node: SpanNode<TraceSpan>, shut: boolean) {
    const next = new Set(collapsed);
    if (shut) next.add(node.span.spanId);
    else next.delete(node.span.spanId);
    setCollapsed(next);
    // A selected span that disappears hands over to the one that hides it.
    if (shut && selected !== null) {
      for (let above = tree.bySpanId.get(selected)?.parent ?? null; above; above = above.parent) {
        if (above === node) onSelect(node.span.spanId, "walk");
      }
    }
  }

  function go(index: number) {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (row) onSelect(row.span.spanId, "walk");
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const node = rows[at];
    const isOpen = node !== undefined && node.children.length > 0 && (filter !== null || !collapsed.has(node.span.spanId));
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / rowHeight) - 1);
    switch (event.key) {
      case "ArrowDown":
        go(at + 1);
        break;
      case "ArrowUp":
        go(at < 0 ? 0 : at - 1);
        break;
      case "PageDown":
        go(at + page);
        break;
      case "PageUp":
        go(at - page);
        break;
      case "Home":
        go(0);
        break;
      case "End":
        go(rows.length - 1);
        break;
      case "ArrowRight":
        if (!node || node.children.length === 0) return;
        if (isOpen) go(at + 1);
        else fold(node, false);
        break;
      case "ArrowLeft":
        if (!node) return;
        if (isOpen && filter === null) fold(node, true);
        else if (node.parent) onSelect(node.parent.span.spanId, "walk");
        break;
      case "Enter":
      case " ":
        if (node) onSelect(node.span.spanId, "open");
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  return (
    <div className={cx(styles["tree"], !hasTokens && styles["tokenless"])}>
      <div className={styles["tools"]}>
        <SearchField label="Find spans" value={query} onChange={setQuery} className={styles["search"] ?? ""} />
        {errors > 0 && (
          <button
            type="button"
            aria-pressed={errorsOnly}
            className={styles["errors"]}
            onClick={() => {
              setErrorsOnly(!errorsOnly);
            }}
          >
            <CircleAlert size={13} aria-hidden="true" />
            {plural(errors, "error")}
          </button>
        )}
        {hasParents && (
          <>
            <IconButton
              icon={ChevronsDownUp}
              label="Collapse all"
              disabled={filter !== null}
              onClick={() => {
                const parents = [...tree.bySpanId.values()].filter((node) => node.children.length > 0 && node.depth > 0);
                setCollapsed(new Set(parents.map((node) => node.span.spanId)));
              }}
            />
            <IconButton
              icon={ChevronsUpDown}
              label="Expand all"
              disabled={filter !== null || collapsed.size === 0}
              onClick={() => {
                setCollapsed(new Set());
              }}
            />
          </>
        )}
      </div>
      <div className={styles["scale"]} aria-hidden="true">
        <span>{filter ? plural(filter.matched.size, "match", "matches") : plural(spans.length, "span")}</span>
        <span className={styles["ticks"]}>
          <span>0</span>
          <span>{formatLatency(window.duration / 2)}</span>
          <span>{formatLatency(window.duration)}</span>
        </span>
      </div>
      <div
        ref={scroller}
        role="tree"
        aria-label="Spans"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `${id}-${String(at)}` : undefined}
        className={styles["scroller"]}
        onKeyDown={onKeyDown}
      >
        {rows.length === 0 && <p className={styles["none"]}>No span matches.</p>}
        <div role="presentation" className={styles["rows"]} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const node = rows[item.index];
            if (!node) return null;
            const { span } = node;
            const siblings = node.parent?.children ?? tree.roots;
            const isParent = node.children.length > 0;
            const isShut = filter === null && collapsed.has(span.spanId);
            const bar = barOf(span, window);
            const failed = span.statusCode === "ERROR";
            return (
              <div
                key={span.spanId}
                id={`${id}-${String(item.index)}`}
                role="treeitem"
                aria-level={node.depth + 1}
                aria-setsize={siblings.length}
                aria-posinset={siblings.indexOf(node) + 1}
                aria-expanded={isParent ? !isShut : undefined}
                aria-selected={span.spanId === selected}
                tabIndex={-1}
                data-span-id={span.spanId}
                className={cx(styles["row"], filter !== null && !filter.matched.has(span.spanId) && styles["dim"])}
                style={{ height: item.size, transform: `translateY(${String(item.start)}px)` }}
                onClick={() => {
                  scroller.current?.focus({ preventScroll: true });
                  onSelect(span.spanId, "open");
                }}
                onKeyDown={undefined}
              >
                <span className={styles["name"]}>
                  <Guides node={node} />
                  {isParent ? (
                    <button
                      type="button"
                      tabIndex={-1}
                      aria-hidden="true"
                      className={cx(styles["fold"], !isShut && styles["open"])}
                      disabled={filter !== null}
                      onClick={(event) => {
                        event.stopPropagation();
                        fold(node, !isShut);
                      }}
                    >
                      <ChevronRight size={13} />
                    </button>
                  ) : (
                    <span className={styles["leaf"]} />
                  )}
                  <KindIcon kind={span.spanKind} />
                  <span className={cx(styles["label"], failed && styles["failed"])} title={span.name}>
                    {span.name}
                  </span>
                  {failed && (
                    <span className={styles["mark"]}>
                      <CircleAlert size={13} aria-hidden="true" />
                      <span className="visually-hidden">error</span>
                    </span>
                  )}
                  {node.orphan && (
                    <span className={styles["orphan"]} title="The parent of this span has not arrived">
                      <Unlink size={11} aria-hidden="true" />
                      no parent
                    </span>
                  )}
                  {isShut && <span className={styles["hidden"]} title="Spans folded away">+{formatCompact(node.descendants)}</span>}
                  {isCompressed(node.depth) && (
                    <span className={styles["depth"]} title={`Level ${String(node.depth + 1)}`}>
                      {node.depth + 1}
                    </span>
                  )}
                </span>
                <span className={styles["tokens"]} title={span.tokenCountTotal === null ? undefined : plural(span.tokenCountTotal, "token")}>
                  {span.tokenCountTotal !== null && span.tokenCountTotal > 0 ? formatCompact(span.tokenCountTotal) : ""}
                  {span.tokenCountTotal !== null && <span className="visually-hidden"> tokens</span>}
                </span>
                <span className={styles["latency"]}>{formatLatency(span.latencyMs)}</span>
                <span className={styles["lane"]}>
                  <span
                    className={cx(styles["bar"], failed && styles["barFailed"])}
                    style={{ left: `${String(bar.left)}%`, width: `${String(bar.width)}%`, color: kindOf(span.spanKind).color }}
                  />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Lines from above: through a parent that has more children to come, and an elbow into this one. */
function Guides({ node }: { readonly node: SpanNode<TraceSpan> }) {
  const lines: { readonly left: number; readonly last: boolean; readonly elbow: boolean }[] = [];
  let below = node;
  for (let above = node.parent; above; above = above.parent) {
    const last = above.children[above.children.length - 1] === below;
    const elbow = below === node;
    if (elbow || !last) lines.push({ left: indentOf(above.depth) + 9, last, elbow });
    below = above;
    // Beyond this depth the lines lie too close to tell apart.
    if (lines.length > 40) break;
  }
  return (
    <span className={styles["guides"]} style={{ width: `min(${String(indentOf(node.depth))}px, 55%)` }} aria-hidden="true">
      {lines.map((line) => (
        <span
          key={`${String(line.left)}${line.elbow ? "e" : ""}`}
          className={cx(styles["guide"], line.elbow && styles["elbow"], line.elbow && line.last && styles["last"])}
          style={{ left: line.left }}
        />
      ))}
    </span>
  );
}
