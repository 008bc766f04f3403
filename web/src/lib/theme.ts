import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "phoenix.theme";
const listeners = new Set<() => void>();

/** The page's own attribute is the truth: the script in the head sets it before the first paint. */
function read(): Theme {
  const value = document.documentElement.dataset["theme"];
  return value === "light" || value === "dark" ? value : "system";
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // The choice then lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((changed) => {
    const fromOtherTab = (event: StorageEvent) => {
      if (event.key !== KEY) return;
      if (event.newValue === "light" || event.newValue === "dark") document.documentElement.dataset["theme"] = event.newValue;
      else delete document.documentElement.dataset["theme"];
      changed();
    };
    listeners.add(changed);
    window.addEventListener("storage", fromOtherTab);
    return () => {
      listeners.delete(changed);
      window.removeEventListener("storage", fromOtherTab);
    };
  }, read);
}
