/** Reads OpenInference attributes as they come back from the server: nested JSON, of any quality. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function parseAttributes(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : { value };
  } catch {
    return { unparsed: text };
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows keys one by one; also accepts the rest of the way as one dotted key. */
export function at(value: Json | undefined, path: string): Json | undefined {
  if (!isObject(value)) return undefined;
  if (path in value) return value[path];
  const dot = path.indexOf(".");
  return dot < 0 ? undefined : at(value[path.slice(0, dot)], path.slice(dot + 1));
}

function list(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value;
  // Lists that went through a flat store may come back with numbers for keys.
  if (isObject(value)) {
    const keys = Object.keys(value);
    if (keys.length > 0 && keys.every((k) => /^\d+$/.test(k))) {
      return keys.sort((a, b) => Number(a) - Number(b)).map((k) => value[k] ?? null);
    }
  }
  return [];
}

function asText(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

interface ToolCall {
  readonly id: string | null;
  readonly name: string;
  readonly arguments: string;
}

export interface Message {
  readonly role: string;
  readonly name: string | null;
  readonly text: string | null;
  readonly images: number;
  readonly toolCalls: readonly ToolCall[];
  readonly toolCallId: string | null;
}

function toolCallOf(entry: Json): ToolCall {
  const call = at(entry, "tool_call") ?? entry;
  return {
    id: asText(at(call, "id")),
    name: asText(at(call, "function.name")) ?? asText(at(call, "name")) ?? "tool",
    arguments: asText(at(call, "function.arguments")) ?? asText(at(call, "arguments")) ?? "",
  };
}

function messageOf(entry: Json): Message {
  const message = at(entry, "message") ?? entry;
  const parts = list(at(message, "contents")).map((part) => at(part, "message_content") ?? part);
  const texts = parts.map((part) => asText(at(part, "text"))).filter((t) => t !== null);
  const content = at(message, "content");
  return {
    role: asText(at(message, "role")) ?? "message",
    name: asText(at(message, "name")),
    text: asText(content) ?? (texts.length > 0 ? texts.join("\n\n") : null),
    images: parts.filter((part) => at(part, "image") !== undefined).length,
    toolCalls: list(at(message, "tool_calls")).map(toolCallOf),
    toolCallId: asText(at(message, "tool_call_id")),
  };
}

export interface LlmView {
  readonly model: string | null;
  readonly provider: string | null;
  readonly inputMessages: readonly Message[];
  readonly outputMessages: readonly Message[];
  readonly invocationParameters: string | null;
  readonly prompts: readonly string[];
  readonly tools: readonly { readonly name: string; readonly schema: string }[];
}

export function readLlm(attributes: JsonObject): LlmView | null {
  const llm = at(attributes, "llm");
  if (!isObject(llm)) return null;
  return {
    model: asText(at(llm, "model_name")),
    provider: asText(at(llm, "provider")) ?? asText(at(llm, "system")),
    inputMessages: list(at(llm, "input_messages")).map(messageOf),
    outputMessages: list(at(llm, "output_messages")).map(messageOf),
    invocationParameters: asText(at(llm, "invocation_parameters")),
    prompts: list(at(llm, "prompts"))
      .map(asText)
      .filter((t) => t !== null),
    tools: list(at(llm, "tools")).map((entry, index) => {
      const raw = at(entry, "tool.json_schema") ?? at(entry, "json_schema") ?? entry;
      const parsed = typeof raw === "string" ? parseAttributes(raw) : raw;
      const name = asText(at(parsed, "function.name")) ?? asText(at(parsed, "name")) ?? asText(at(entry, "tool.name"));
      return { name: name ?? `tool ${String(index + 1)}`, schema: JSON.stringify(parsed, null, 2) };
    }),
  };
}

export interface Document {
  readonly id: string | null;
  readonly score: number | null;
  readonly content: string | null;
  readonly metadata: string | null;
}

function documentsAt(attributes: JsonObject, path: string): Document[] {
  return list(at(attributes, path)).map((entry) => {
    const document = at(entry, "document") ?? entry;
    const score = at(document, "score");
    return {
      id: asText(at(document, "id")),
      score: typeof score === "number" ? score : null,
      content: asText(at(document, "content")),
      metadata: asText(at(document, "metadata")),
    };
  });
}

export function readDocuments(attributes: JsonObject): readonly { readonly title: string; readonly documents: Document[] }[] {
  return [
    { title: "Documents", documents: documentsAt(attributes, "retrieval.documents") },
    { title: "Documents before reranking", documents: documentsAt(attributes, "reranker.input_documents") },
    { title: "Documents after reranking", documents: documentsAt(attributes, "reranker.output_documents") },
  ].filter((group) => group.documents.length > 0);
}

export function readTool(attributes: JsonObject): { readonly name: string | null; readonly description: string | null; readonly parameters: string | null } | null {
  const tool = at(attributes, "tool");
  if (!isObject(tool)) return null;
  return {
    name: asText(at(tool, "name")),
    description: asText(at(tool, "description")),
    parameters: asText(at(tool, "parameters")),
  };
}

/** Text that is JSON, laid out; null when it is not a JSON object or list. */
export function prettyJson(text: string): string | null {
  const start = text.trimStart()[0];
  if (start !== "{" && start !== "[") return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** A long text that uses headings, lists, fences or emphasis. */
export function looksLikeMarkdown(text: string): boolean {
  return /(^|\n)(#{1,6} \S|```|[-*] \S|\d+\. \S|> )|\*\*[^*\n]+\*\*/.test(text);
}
