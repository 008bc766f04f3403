import { expect, it } from "vitest";
import { niceMax } from "./bar-chart";

it.each([[0, 4], [3, 4], [5, 5], [7, 8], [11, 20], [21, 25], [180, 200], [999, 1000], [1001, 2000]])("%s fits below %s", (value, max) => {
  expect(niceMax(value)).toBe(max);
});
