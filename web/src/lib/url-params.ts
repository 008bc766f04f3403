import { useSearchParams } from "react-router";

type Change = readonly [name: string, value: string, initial?: string];

/** What the address says, and a way to change some of it, all at once and without a step back in the history. */
export function useParam(): [get: (name: string, initial?: string) => string, set: (name: string, value: string, initial?: string) => void, setAll: (...changes: readonly Change[]) => void] {
  const [params, setParams] = useSearchParams();
  const setAll = (...changes: readonly Change[]) => {
    setParams(
      (before) => {
        for (const [name, value, initial = ""] of changes) {
          if (value === initial) before.delete(name);
          else before.set(name, value);
        }
        return before;
      },
      { replace: true },
    );
  };
  return [
    (name, initial = "") => params.get(name) ?? initial,
    (name, value, initial) => {
      setAll(initial === undefined ? [name, value] : [name, value, initial]);
    },
    setAll,
  ];
}
