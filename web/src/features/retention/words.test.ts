import { expect, it } from "vitest";
import { cronInWords, cronProblem, ruleInWords } from "./words";

it.each([
  [{ maxDays: 0 }, "Keeps everything"],
  [{ maxDays: 30 }, "Keeps 30 days"],
  [{ maxDays: 1 }, "Keeps 1 day"],
  [{ maxCount: 5000 }, "Keeps the latest 5,000 traces of a project"],
  [{ maxDays: 1.5, maxCount: 1 }, "Keeps 1.5 days, and of these the latest 1 trace of a project"],
  [{ maxDays: 0, maxCount: 0 }, "Keeps everything"],
])("%j", (rule, words) => {
  expect(ruleInWords(rule)).toBe(words);
});

it.each([
  ["0 0 * * 0", "Sundays at 00:00 UTC"],
  ["0 13 * * *", "Every day at 13:00 UTC"],
  [" 0 * * * 1,5 ", "Mondays, Fridays, every hour"],
  ["0 */6 * * *", "0 */6 * * *"],
  ["0 1 * * 1-5", "0 1 * * 1-5"],
])("%s", (expression, words) => {
  expect(cronInWords(expression)).toBe(words);
});

it("knows the one form of expressions", () => {
  for (const good of ["0 0 * * 0", " 0 1-5/2 * * 0,6 ", "0 */2 * * *"]) expect(cronProblem(good)).toBeNull();
  for (const bad of ["", "0 0 * *", "5 0 * * *", "0 0 1 * *", "0 0 * * SUN", "@daily"]) expect(cronProblem(bad)).not.toBeNull();
});
