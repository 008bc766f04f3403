import { useEffect, useRef } from "react";
import { useSearchParams } from "react-router";

type Change = readonly [name: string, value: string, initial?: string];

/** What the address says, and a way to change some of it, all at once and without a step back in the history. */
export function useParam(): [get: (name: string, initial?: string) => string, set: (name: string, value: string, initial?: string) => void, setAll: (...changes: readonly Change[]) => void] {
  const [params, setParams] = useSearchParams();
  // What was asked for last: a second change that comes before the first is on the page must not undo it.
  const wanted = useRef(params);
  useEffect(() => {
    wanted.current = params;
  }, [params]);
  const setAll = (...changes: readonly Change[]) => {
    const next = new URLSearchParams(wanted.current);
    for (const [name, value, initial = ""] of changes) {
      if (value === initial) next.delete(name);
      else next.set(name, value);
    }
    wanted.current = next;
    setParams(next, { replace: true });
  };
  return [
    (name, initial = "") => params.get(name) ?? initial,
    (name, value, initial) => {
      setAll(initial === undefined ? [name, value] : [name, value, initial]);
    },
    setAll,
  ];
}
