interface Keyed {
  readonly id: string;
}

export interface Merged<Row> {
  readonly rows: Row[];
  /** The newest page reaches what was loaded before; otherwise rows in between are missing. */
  readonly contiguous: boolean;
}

/** Lays the newest page over the pages loaded before; a trace that grew is shown as it is now. */
export function mergeNewest<Row extends Keyed>(newest: readonly Row[], loaded: readonly Row[]): Merged<Row> {
  if (newest.length === 0 || loaded.length === 0) return { rows: [...(newest.length > 0 ? newest : loaded)], contiguous: true };
  const known = new Set(loaded.map((row) => row.id));
  const fresh = new Map(newest.map((row) => [row.id, row]));
  const added = newest.filter((row) => !known.has(row.id));
  return {
    rows: [...added, ...loaded.map((row) => fresh.get(row.id) ?? row)],
    contiguous: added.length < newest.length,
  };
}
