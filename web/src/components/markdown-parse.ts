export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "paragraph" | "quote" | "code"; readonly text: string }
  | { readonly kind: "list"; readonly ordered: boolean; readonly start: number; readonly items: readonly string[] }
  | { readonly kind: "rule" };

export type Inline =
  | { readonly kind: "text" | "code" | "strong" | "em"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

const fence = /^\s*(```|~~~)/;
const heading = /^(#{1,6})\s+(.*)$/;
const bullet = /^\s*[-*+]\s+(.*)$/;
const numbered = /^\s*(\d{1,9})[.)]\s+(.*)$/;
const quote = /^\s*>\s?(.*)$/;
const rule = /^\s*([-*_])(\s*\1){2,}\s*$/;

/** Line by line, without nesting: enough to read an answer, cheap for a long one. */
export function parseMarkdown(source: string): Block[] {
  const lines = source.split(/\r?\n/);
  const blocks: Block[] = [];
  let i = 0;
  const line = () => lines[i] ?? "";
  const special = (text: string) =>
    text.trim() === "" || fence.test(text) || heading.test(text) || bullet.test(text) || numbered.test(text) || quote.test(text) || rule.test(text);

  while (i < lines.length) {
    const text = line();
    if (text.trim() === "") {
      i += 1;
    } else if (fence.test(text)) {
      const body: string[] = [];
      for (i += 1; i < lines.length && !fence.test(line()); i += 1) body.push(line());
      i += 1;
      blocks.push({ kind: "code", text: body.join("\n") });
    } else if (heading.test(text)) {
      const match = heading.exec(text);
      blocks.push({ kind: "heading", level: match?.[1]?.length ?? 1, text: match?.[2] ?? "" });
      i += 1;
    } else if (rule.test(text)) {
      blocks.push({ kind: "rule" });
      i += 1;
    } else if (quote.test(text)) {
      const body: string[] = [];
      for (; i < lines.length && quote.test(line()); i += 1) body.push(quote.exec(line())?.[1] ?? "");
      blocks.push({ kind: "quote", text: body.join("\n") });
    } else if (bullet.test(text) || numbered.test(text)) {
      const ordered = !bullet.test(text);
      const pattern = ordered ? numbered : bullet;
      const start = ordered ? Number(numbered.exec(text)?.[1] ?? 1) : 1;
      const items: string[] = [];
      for (; i < lines.length && line().trim() !== ""; i += 1) {
        const item = pattern.exec(line());
        if (item) items.push(item[item.length - 1] ?? "");
        else if (special(line())) break;
        else items[items.length - 1] = `${items[items.length - 1] ?? ""} ${line().trim()}`;
      }
      blocks.push({ kind: "list", ordered, start, items });
    } else {
      const body: string[] = [];
      for (; i < lines.length && (body.length === 0 || !special(line())); i += 1) body.push(line());
      blocks.push({ kind: "paragraph", text: body.join("\n") });
    }
  }
  return blocks;
}

const inline = /(`+)([^`]+?)\1|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/g;

export function parseInline(text: string): Inline[] {
  const parts: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(inline)) {
    if (match.index > from) parts.push({ kind: "text", text: text.slice(from, match.index) });
    const [whole, , code, strong, em, label, href] = match;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (strong !== undefined) parts.push({ kind: "strong", text: strong });
    else if (em !== undefined) parts.push({ kind: "em", text: em });
    else if (label !== undefined && href !== undefined) parts.push({ kind: "link", text: label, href });
    from = match.index + whole.length;
  }
  if (from < text.length) parts.push({ kind: "text", text: text.slice(from) });
  return parts;
}
