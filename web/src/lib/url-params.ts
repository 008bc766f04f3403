import { useSearchParams } from "react-router";

/** What the address says, and a way to change one thing of it without a step back in the history. */
export function useParam(): [get: (name: string, initial?: string) => string, set: (name: string, value: string, initial?: string) => void] {
  const [params, setParams] = useSearchParams();
  return [
    (name, initial = "") => params.get(name) ?? initial,
    (name, value, initial = "") => {
      setParams(
        (before) => {
          if (value === initial) before.delete(name);
          else before.set(name, value);
          return before;
        },
        { replace: true },
      );
    },
  ];
}
