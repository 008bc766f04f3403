import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";

/** The current time, renewed every `everyMs`, for "3m ago". */
export function useNow(everyMs = 15_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, everyMs);
    return () => {
      clearInterval(timer);
    };
  }, [everyMs]);
  return now;
}

export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => {
      setWidth(element.clientWidth);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, [ref]);
  return width;
}

export function useMediaQuery(query: string): boolean {
  return useSyncExternalStore(
    useCallback(
      (changed) => {
        const list = window.matchMedia(query);
        list.addEventListener("change", changed);
        return () => {
          list.removeEventListener("change", changed);
        };
      },
      [query],
    ),
    () => window.matchMedia(query).matches,
  );
}

/** A small preference of this browser, such as a width or a time format. */
export function usePreference<T extends string>(key: string, initial: T, allowed?: readonly T[]): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const stored = localStorage.getItem(key) as T | null;
      return stored !== null && (!allowed || allowed.includes(stored)) ? stored : initial;
    } catch {
      return initial;
    }
  });
  const change = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(key, next);
      } catch {
        // The choice then lasts as long as the page.
      }
    },
    [key],
  );
  return [value, change];
}

export function useDocumentTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "phoenix-server" : `${title} · phoenix-server`;
  }, [title]);
}

const LEAVES_WITHIN_MS = 400;

/**
 * Whether something that covers the page is gone for good. It says so a moment after closing, come what may: the headless
 * library waits for the last movement to end, and for ever if that is cut short, with an unseen sheet over the page.
 * If the focus is nowhere then, because what had opened it is gone as well, it goes on from the top of the page.
 */
export function useGone(isOpen: boolean): boolean {
  const [gone, setGone] = useState(!isOpen);
  if (isOpen && gone) setGone(false);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    const closed = wasOpen.current && !isOpen;
    wasOpen.current = isOpen;
    if (!closed) return;
    const leave = setTimeout(() => {
      setGone(true);
    }, LEAVES_WITHIN_MS);
    const settle = setTimeout(() => {
      if (document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
    }, LEAVES_WITHIN_MS + 100);
    return () => {
      clearTimeout(leave);
      clearTimeout(settle);
    };
  }, [isOpen]);
  return gone && !isOpen;
}

/**
 * Brings the focus back to what covers the page when the element that had it is taken away, as a button that has done its
 * work is: with the focus nowhere, Escape and Tab would be heard by nobody.
 */
export function useFocusKept(): (element: HTMLElement | null) => (() => void) | undefined {
  return useCallback((element) => {
    if (!element) return undefined;
    let last: EventTarget | null = null;
    const remember = (event: FocusEvent) => {
      last = event.target;
    };
    const observer = new MutationObserver(() => {
      if (document.activeElement === document.body && last instanceof Node && !last.isConnected) element.focus({ preventScroll: true });
    });
    element.addEventListener("focusin", remember);
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      element.removeEventListener("focusin", remember);
      observer.disconnect();
    };
  }, []);
}
