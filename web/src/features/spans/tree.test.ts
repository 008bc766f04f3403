import { describe, expect, it } from "vitest";
import { barOf, buildSpanTree, indentOf, matchesWithAncestors, type TreeSpan, visibleNodes, windowOf } from "./tree";

let tick = 0;
const span = (spanId: string, parentId: string | null, second = (tick += 1)): TreeSpan => ({
  id: `id-${spanId}`,
  spanId,
  parentId,
  startTime: new Date(second * 1000).toISOString(),
});
const names = (nodes: readonly { span: TreeSpan }[]) => nodes.map((n) => n.span.spanId);

describe("buildSpanTree", () => {
  it("nests by parent and orders by start", () => {
    const tree = buildSpanTree([span("b", "root", 3), span("a", "root", 2), span("root", null, 1), span("a1", "a", 4)]);
    const rows = visibleNodes(tree.roots, new Set());
    expect(names(rows)).toEqual(["root", "a", "a1", "b"]);
    expect(rows.map((r) => r.depth)).toEqual([0, 1, 2, 1]);
    expect(rows.map((r) => r.descendants)).toEqual([3, 1, 0, 0]);
    expect(rows.every((r) => !r.orphan)).toBe(true);
  });

  it("shows a span whose parent is missing as a marked root, after the true ones", () => {
    const tree = buildSpanTree([span("lost", "nowhere", 1), span("lost child", "lost", 2), span("root", null, 3)]);
    expect(tree.roots.map((r) => [r.span.spanId, r.orphan])).toEqual([["root", false], ["lost", true]]);
    expect(names(visibleNodes(tree.roots, new Set()))).toEqual(["root", "lost", "lost child"]);
  });

  it("survives circles, self-parents and repeats without losing a span", () => {
    const tree = buildSpanTree([span("x", "y", 1), span("y", "x", 2), span("self", "self", 3), span("z", "y", 4), span("x", null, 5)]);
    expect(names(visibleNodes(tree.roots, new Set())).sort()).toEqual(["self", "x", "y", "z"]);
    expect(tree.roots.every((r) => r.orphan)).toBe(true);
  });

  it("takes five thousand spans in one line of descent", () => {
    const deep = Array.from({ length: 5000 }, (_, i) => span(`s${String(i)}`, i === 0 ? null : `s${String(i - 1)}`, i));
    const tree = buildSpanTree(deep.reverse());
    const rows = visibleNodes(tree.roots, new Set());
    expect(rows).toHaveLength(5000);
    expect(rows[4999]?.depth).toBe(4999);
    expect(tree.roots[0]?.descendants).toBe(4999);
  });

  it("is empty for no spans", () => {
    expect(buildSpanTree([]).roots).toEqual([]);
  });
});

describe("views of a tree", () => {
  const tree = buildSpanTree([span("r", null), span("a", "r"), span("a1", "a"), span("b", "r")]);
  it("hides what is below a collapsed span", () => {
    expect(names(visibleNodes(tree.roots, new Set(["a"])))).toEqual(["r", "a", "b"]);
  });
  it("keeps the way to a match, even below a collapsed span", () => {
    const { keep, matched } = matchesWithAncestors(tree, (s) => s.spanId === "a1");
    expect([...matched]).toEqual(["a1"]);
    expect(names(visibleNodes(tree.roots, new Set(["a"]), keep))).toEqual(["r", "a", "a1"]);
  });
  it("indents less and less", () => {
    expect([0, 1, 10, 11, 5000].map(indentOf)).toEqual([0, 16, 160, 164, 200]);
  });
});

describe("timeline", () => {
  const at = (from: number, to: number | null) => ({
    startTime: new Date(from).toISOString(),
    endTime: to === null ? null : new Date(to).toISOString(),
  });
  it("places bars in percent of the whole", () => {
    const window = windowOf([at(1000, 2000), at(1500, 3000)]);
    expect(window).toEqual({ start: 1000, duration: 2000 });
    expect(barOf(at(1500, 2000), window)).toEqual({ left: 25, width: 25 });
    expect(barOf(at(2900, null), window)).toEqual({ left: 95, width: 0 });
    expect(barOf(at(2000, 9000), window)).toEqual({ left: 50, width: 50 });
  });
  it("copes with instants and with nothing", () => {
    expect(barOf(at(5, 5), windowOf([at(5, 5)]))).toEqual({ left: 0, width: 100 });
    expect(windowOf([])).toEqual({ start: 0, duration: 0 });
  });
});
