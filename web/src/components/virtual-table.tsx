import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { cx } from "@/lib/cx";
import { useMediaQuery, useWidth } from "@/lib/hooks";
import { Skeleton } from "./states";
import styles from "./virtual-table.module.css";

export interface Column<Row> {
  readonly id: string;
  readonly header: ReactNode;
  /** A grid track, e.g. "minmax(160px, 2fr)". */
  readonly track: string;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: "end";
  /** Leaves the column out when the table is narrower than this. */
  readonly from?: number;
}

interface VirtualTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** The page of a row: its first column becomes the link, and the whole row its target. */
  readonly href: (row: Row) => string;
  readonly isFresh?: (row: Row) => boolean;
  readonly hasMore?: boolean;
  readonly isLoadingMore?: boolean;
  readonly onEndReached?: () => void;
  readonly footer?: ReactNode;
}

/**
 * A long list with columns. Only rows in view exist; up and down, Home and End, and Page keys walk
 * over all of them; each row is one real link, so that it opens in a new tab like any other.
 */
export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { columns: allColumns, rows, hasMore = false, isLoadingMore = false, onEndReached } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const width = useWidth(scroller);
  const rowHeight = useMediaQuery("(pointer: coarse)") ? 44 : 36;
  const [current, setCurrent] = useState(0);
  const focusWanted = useRef(false);

  const columns = allColumns.filter((column) => (column.from ?? 0) <= width);
  const template = { gridTemplateColumns: columns.map((column) => column.track).join(" ") };
  const count = rows.length + (hasMore ? 1 : 0);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are called during this render only
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollPaddingStart: rowHeight,
  });
  const items = virtual.getVirtualItems();
  const lastSeen = items[items.length - 1]?.index ?? 0;

  useEffect(() => {
    if (hasMore && !isLoadingMore && rows.length > 0 && lastSeen >= rows.length - 8) onEndReached?.();
  }, [hasMore, isLoadingMore, lastSeen, rows.length, onEndReached]);

  const active = Math.min(current, Math.max(rows.length - 1, 0));

  useEffect(() => {
    if (!focusWanted.current) return;
    const link = scroller.current?.querySelector<HTMLElement>(`[data-row="${String(active)}"] a`);
    if (link) {
      focusWanted.current = false;
      link.focus({ preventScroll: true });
    }
  });

  function onKeyDown(event: KeyboardEvent) {
    if (event.altKey || event.ctrlKey || event.metaKey || rows.length === 0) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
    const step: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: rows.length - 1,
    };
    const wanted = step[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const next = Math.min(rows.length - 1, Math.max(0, wanted));
    focusWanted.current = true;
    setCurrent(next);
    virtual.scrollToIndex(next);
  }

  return (
    <div className={styles["scroller"]} ref={scroller}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- keys walk between the links inside */}
      <div role="table" aria-label={props.label} aria-rowcount={hasMore ? -1 : rows.length + 1} aria-colcount={columns.length} onKeyDown={onKeyDown}>
        <div role="rowgroup" className={styles["head"]}>
          <div role="row" aria-rowindex={1} className={styles["header"]} style={template}>
            {columns.map((column) => (
              <div role="columnheader" key={column.id} className={cx(column.align === "end" && styles["end"])}>
                {column.header}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" className={styles["body"]} style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            const place = { ...template, height: item.size, transform: `translateY(${String(item.start)}px)` };
            if (row === undefined) {
              return (
                <div key="more" className={cx(styles["row"], styles["more"])} style={place} aria-hidden="true">
                  <Skeleton width="40%" />
                </div>
              );
            }
            return (
              <div
                role="row"
                key={props.rowKey(row)}
                aria-rowindex={item.index + 2}
                data-row={item.index}
                className={cx(styles["row"], props.isFresh?.(row) && styles["fresh"])}
                style={place}
              >
                {columns.map((column, index) => (
                  <div role="cell" key={column.id} className={cx(styles["cell"], column.align === "end" && styles["end"])}>
                    {index === 0 ? (
                      <Link
                        to={props.href(row)}
                        className={styles["link"]}
                        tabIndex={item.index === active ? 0 : -1}
                        onFocus={() => {
                          setCurrent(item.index);
                        }}
                      >
                        {column.cell(row)}
                      </Link>
                    ) : (
                      column.cell(row)
                    )}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {props.footer && <div className={styles["footer"]}>{props.footer}</div>}
    </div>
  );
}
