import { describe, expect, it } from "vitest";
import { mergeNewest } from "./merge";

const row = (id: string, spans = 1) => ({ id, spans });

describe("mergeNewest", () => {
  it("puts new traces in front and renews known ones in place", () => {
    const merged = mergeNewest([row("c"), row("b", 2)], [row("b"), row("a")]);
    expect(merged).toEqual({ rows: [row("c"), row("b", 2), row("a")], contiguous: true });
  });
  it("tells when the newest page no longer reaches the rest", () => {
    expect(mergeNewest([row("z"), row("y")], [row("b")]).contiguous).toBe(false);
  });
  it("takes what there is", () => {
    expect(mergeNewest([], [row("a")]).rows).toEqual([row("a")]);
    expect(mergeNewest([row("a")], []).rows).toEqual([row("a")]);
  });
});
