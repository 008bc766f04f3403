/** The parts of an OpenAPI 3.1 document that the reference page shows. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Media {
  readonly schema?: Schema;
}

interface RawOperation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly deprecated?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Readonly<Record<string, Media>> };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, Media>> }>>;
}

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface Operation extends RawOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
}

const methods = ["get", "post", "put", "patch", "delete"];

/** All operations by tag, in the order of the document. */
export function operationsByTag(document: OpenApi): ReadonlyMap<string, readonly Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    const shared = (item["parameters"] as Parameter[] | undefined) ?? [];
    for (const method of methods) {
      const raw = item[method] as RawOperation | undefined;
      if (!raw) continue;
      const operation: Operation = { ...raw, parameters: [...shared, ...(raw.parameters ?? [])], method, path, id: raw.operationId ?? `${method}-${path}` };
      const tag = raw.tags?.[0] ?? "other";
      const group = groups.get(tag);
      if (group) group.push(operation);
      else groups.set(tag, [operation]);
    }
  }
  return groups;
}

export function matchesOperation(operation: Operation, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${operation.method} ${operation.path} ${operation.id} ${operation.summary ?? ""} ${operation.tags?.join(" ") ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function resolve(document: OpenApi, schema: Schema | undefined): Schema {
  const name = refName(schema);
  return name === null ? (schema ?? {}) : (document.components?.schemas?.[name] ?? {});
}

export function refName(schema: Schema | undefined): string | null {
  return schema?.$ref?.split("/").pop() ?? null;
}

/** A type in a few words: `string (date-time)`, `SpanView[]`, `integer | null`. */
export function typeText(schema: Schema | undefined): string {
  if (!schema) return "any";
  const name = refName(schema);
  if (name !== null) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const union = schema.anyOf ?? schema.oneOf;
  if (union) return union.map(typeText).join(" | ");
  if (schema.allOf) return schema.allOf.map(typeText).join(" & ");
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  const text = types.map((type) => {
    if (type === "array") {
      const items = typeText(schema.items);
      return items.includes(" ") ? `(${items})[]` : `${items}[]`;
    }
    return type === "string" && schema.format ? `string (${schema.format})` : type;
  });
  return text.length > 0 ? text.join(" | ") : schema.properties ? "object" : "any";
}

/** A value of the right shape to start from. */
export function exampleOf(document: OpenApi, schema: Schema | undefined, depth = 0): unknown {
  const known = resolve(document, schema);
  const given = known.example ?? known.examples?.[0] ?? known.default ?? known.const ?? known.enum?.[0];
  if (given !== undefined) return given;
  if (depth > 6) return null;
  const union = known.anyOf ?? known.oneOf;
  if (union) return exampleOf(document, union.find((one) => one.type !== "null") ?? union[0], depth + 1);
  if (known.allOf) {
    const parts = known.allOf.map((part) => exampleOf(document, part, depth + 1));
    return Object.assign({}, ...parts.filter((part) => typeof part === "object" && part !== null)) as unknown;
  }
  const type = typeof known.type === "string" ? known.type : known.type?.find((one) => one !== "null");
  switch (type) {
    case "string":
      return known.format === "date-time" ? new Date(0).toISOString() : "";
    case "integer":
    case "number":
      return known.minimum ?? 0;
    case "boolean":
      return false;
    case "array":
      return [exampleOf(document, known.items, depth + 1)];
  }
  if (!known.properties) return {};
  const names = known.required ?? Object.keys(known.properties);
  return Object.fromEntries(names.map((name) => [name, exampleOf(document, known.properties?.[name], depth + 1)]));
}

/** The path and query of a request, from what was filled in. */
export function requestPath(operation: Operation, values: Readonly<Record<string, string>>): string {
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(values[`path.${name}`] ?? ""));
  const query = new URLSearchParams();
  for (const parameter of operation.parameters ?? []) {
    const value = values[`query.${parameter.name}`] ?? "";
    if (parameter.in !== "query" || value === "") continue;
    if (typeText(parameter.schema).includes("[]")) for (const part of value.split(",")) query.append(parameter.name, part.trim());
    else query.append(parameter.name, value);
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}
