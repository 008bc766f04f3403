/** The shape of a trace: pure, and without recursion, since traces can be thousands of spans deep. */

export interface TreeSpan {
  readonly id: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly startTime: string;
}

export interface SpanNode<S extends TreeSpan = TreeSpan> {
  readonly span: S;
  readonly depth: number;
  readonly children: SpanNode<S>[];
  readonly parent: SpanNode<S> | null;
  /** Names a parent that is not among the spans, or is one of its own descendants. */
  readonly orphan: boolean;
  /** Spans below this one. */
  descendants: number;
}

export interface SpanTree<S extends TreeSpan = TreeSpan> {
  readonly roots: readonly SpanNode<S>[];
  readonly bySpanId: ReadonlyMap<string, SpanNode<S>>;
}

function byStart<S extends TreeSpan>(a: S, b: S): number {
  return Date.parse(a.startTime) - Date.parse(b.startTime) || (a.spanId < b.spanId ? -1 : 1);
}

export function buildSpanTree<S extends TreeSpan>(spans: readonly S[]): SpanTree<S> {
  const unique = new Map<string, S>();
  for (const span of spans) if (!unique.has(span.spanId)) unique.set(span.spanId, span);
  const ordered = [...unique.values()].sort(byStart);

  const childrenOf = new Map<string, S[]>();
  for (const span of ordered) {
    if (span.parentId === null || !unique.has(span.parentId)) continue;
    const siblings = childrenOf.get(span.parentId);
    if (siblings) siblings.push(span);
    else childrenOf.set(span.parentId, [span]);
  }

  const bySpanId = new Map<string, SpanNode<S>>();
  const preorder: SpanNode<S>[] = [];

  function plant(root: S, orphan: boolean): SpanNode<S> {
    const planted: SpanNode<S> = { span: root, depth: 0, children: [], parent: null, orphan, descendants: 0 };
    bySpanId.set(root.spanId, planted);
    const open = [planted];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      preorder.push(node);
      for (const child of childrenOf.get(node.span.spanId) ?? []) {
        // A span already placed closes a circle: it stays where it is.
        if (bySpanId.has(child.spanId)) continue;
        const below: SpanNode<S> = { span: child, depth: node.depth + 1, children: [], parent: node, orphan: false, descendants: 0 };
        bySpanId.set(child.spanId, below);
        node.children.push(below);
        open.push(below);
      }
    }
    return planted;
  }

  const roots: SpanNode<S>[] = [];
  for (const span of ordered) {
    if (span.parentId === null || !unique.has(span.parentId)) roots.push(plant(span, span.parentId !== null));
  }
  // What no root reaches goes in circles: the earliest of each circle becomes a root.
  for (const span of ordered) if (!bySpanId.has(span.spanId)) roots.push(plant(span, true));
  roots.sort((a, b) => Number(a.orphan) - Number(b.orphan) || byStart(a.span, b.span));

  // Parents come before children in `preorder`, so walking back adds each node after its own are complete.
  for (let i = preorder.length - 1; i >= 0; i -= 1) {
    const node = preorder[i];
    if (node?.parent) node.parent.descendants += node.descendants + 1;
  }
  return { roots, bySpanId };
}

/** The nodes in view, top to bottom. */
export function visibleNodes<S extends TreeSpan>(
  roots: readonly SpanNode<S>[],
  collapsed: ReadonlySet<string>,
  keep?: ReadonlySet<string>,
): SpanNode<S>[] {
  const rows: SpanNode<S>[] = [];
  const open = [...roots].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (keep && !keep.has(node.span.spanId)) continue;
    rows.push(node);
    if (!keep && collapsed.has(node.span.spanId)) continue;
    for (let i = node.children.length - 1; i >= 0; i -= 1) {
      const child = node.children[i];
      if (child) open.push(child);
    }
  }
  return rows;
}

/** The spans that match, and all above them so that each can be seen in its place. */
export function matchesWithAncestors<S extends TreeSpan>(
  tree: SpanTree<S>,
  matches: (span: S) => boolean,
): { readonly keep: ReadonlySet<string>; readonly matched: ReadonlySet<string> } {
  const keep = new Set<string>();
  const matched = new Set<string>();
  for (const node of tree.bySpanId.values()) {
    if (!matches(node.span)) continue;
    matched.add(node.span.spanId);
    for (let at: SpanNode<S> | null = node; at && !keep.has(at.span.spanId); at = at.parent) keep.add(at.span.spanId);
  }
  return { keep, matched };
}

const STEP = 16;
const FULL_STEPS = 10;
const MAX_INDENT = 200;

/** Deep traces indent ever less, so that names stay in view. */
export function indentOf(depth: number): number {
  if (depth <= FULL_STEPS) return depth * STEP;
  return Math.min(MAX_INDENT, FULL_STEPS * STEP + (depth - FULL_STEPS) * 4);
}

/** From here on the indent alone no longer tells the depth. */
export function isCompressed(depth: number): boolean {
  return depth > FULL_STEPS;
}

export interface TimeWindow {
  readonly start: number;
  readonly duration: number;
}

export function windowOf(spans: readonly { readonly startTime: string; readonly endTime: string | null }[]): TimeWindow {
  let [start, end] = [Infinity, -Infinity];
  for (const span of spans) {
    const from = Date.parse(span.startTime);
    start = Math.min(start, from);
    end = Math.max(end, span.endTime ? Date.parse(span.endTime) : from);
  }
  return Number.isFinite(start) ? { start, duration: Math.max(end - start, 0) } : { start: 0, duration: 0 };
}

/** Where a span lies in its trace, in percent. */
export function barOf(
  span: { readonly startTime: string; readonly endTime: string | null },
  window: TimeWindow,
): { readonly left: number; readonly width: number } {
  if (window.duration <= 0) return { left: 0, width: 100 };
  const from = Date.parse(span.startTime);
  const to = span.endTime ? Date.parse(span.endTime) : from;
  const left = Math.min(100, Math.max(0, ((from - window.start) / window.duration) * 100));
  return { left, width: Math.max(0, Math.min(100 - left, ((to - from) / window.duration) * 100)) };
}
