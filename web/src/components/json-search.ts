export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonPath = readonly (string | number)[];

/** `a.b[2].c` */
export function pathText(path: JsonPath): string {
  return path.map((part, i) => (typeof part === "number" ? `[${String(part)}]` : i === 0 ? part : `.${part}`)).join("");
}

/** All paths that lead to, or lie below, a key, a dotted path or a value that contains the query. */
export function jsonMatches(root: JsonValue, query: string): ReadonlySet<string> {
  const wanted = query.trim().toLowerCase();
  const found = new Set<string>();

  function visit(value: JsonValue, path: JsonPath, inside: boolean): boolean {
    const text = pathText(path);
    const last = path[path.length - 1];
    const here = inside || (typeof last === "string" && last.toLowerCase().includes(wanted)) || (wanted.includes(".") && text.toLowerCase().endsWith(wanted));
    let hit = here && path.length > 0;
    if (Array.isArray(value)) {
      for (const [i, child] of value.entries()) if (visit(child, [...path, i], here)) hit = true;
    } else if (typeof value === "object" && value !== null) {
      for (const [key, child] of Object.entries(value)) if (visit(child, [...path, key], here)) hit = true;
    } else if (String(value).toLowerCase().includes(wanted)) {
      hit = true;
    }
    if (hit && path.length > 0) found.add(text);
    return hit;
  }

  visit(root, [], false);
  return found;
}
