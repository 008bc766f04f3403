import { useSyncExternalStore } from "react";

/** "browser", or the name of a zone such as "UTC" or "Europe/Berlin". */
export type ZoneChoice = string;

export const BROWSER_ZONE = "browser";
const KEY = "phoenix.time_zone";
const listeners = new Set<() => void>();

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function stored(): ZoneChoice {
  try {
    const value = localStorage.getItem(KEY);
    return value !== null && isTimeZone(value) ? value : BROWSER_ZONE;
  } catch {
    return BROWSER_ZONE;
  }
}

let choice = stored();

const changed = () => {
  for (const listener of listeners) listener();
};

export function setTimeZone(next: ZoneChoice): void {
  choice = next === BROWSER_ZONE || !isTimeZone(next) ? BROWSER_ZONE : next;
  try {
    if (choice === BROWSER_ZONE) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // The choice then lasts as long as the page.
  }
  changed();
}

/** The zone that times are shown in; undefined is the browser's own. */
export function timeZone(): string | undefined {
  return choice === BROWSER_ZONE ? undefined : choice;
}

/** What was chosen; whatever calls this is drawn again when it changes, in this tab or in another. */
export function useTimeZone(): ZoneChoice {
  return useSyncExternalStore((listener) => {
    const fromOtherTab = (event: StorageEvent) => {
      if (event.key !== KEY) return;
      choice = stored();
      changed();
    };
    listeners.add(listener);
    window.addEventListener("storage", fromOtherTab);
    return () => {
      listeners.delete(listener);
      window.removeEventListener("storage", fromOtherTab);
    };
  }, () => choice);
}

export function browserZone(): string {
  return new Intl.DateTimeFormat("en").resolvedOptions().timeZone;
}

/** Every zone that the browser knows, by the part of the world before the slash. */
export function zonesByRegion(all: readonly string[] = Intl.supportedValuesOf("timeZone")): readonly (readonly [region: string, zones: readonly string[]])[] {
  const regions = new Map<string, string[]>();
  for (const zone of all) {
    if (!zone.includes("/") || zone.startsWith("Etc/")) continue;
    const region = zone.slice(0, zone.indexOf("/"));
    regions.set(region, [...(regions.get(region) ?? []), zone]);
  }
  return [...regions].sort(([a], [b]) => a.localeCompare(b)).map(([region, zones]) => [region, zones.sort((a, b) => a.localeCompare(b))]);
}

/** A zone as people read it: "America/New_York" becomes "New York". */
export function zoneLabel(zone: string): string {
  return zone
    .slice(zone.indexOf("/") + 1)
    .replaceAll("/", ", ")
    .replaceAll("_", " ");
}
