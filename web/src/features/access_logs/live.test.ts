import { expect, it } from "vitest";
import { type AccessRecord, withNewest } from "./live";

const record = (id: number, more: Partial<AccessRecord> = {}) =>
  ({ id: `log_${String(id)}`, timestamp: new Date(Date.UTC(2026, 5, 15) + id).toISOString(), path: "/v1/projects", principal: { type: "system_api_key" }, ...more }) as AccessRecord;

it("adds what is new in front of what was seen, once", () => {
  const seen = withNewest([], [record(2), record(1)], "me");
  expect(withNewest(seen, [record(4), record(3), record(2)], "me").map((one) => one.id)).toEqual(["log_4", "log_3", "log_2", "log_1"]);
});

it("puts what was written late in its place", () => {
  expect(withNewest([record(5), record(1)], [record(5), record(3)], "me").map((one) => one.id)).toEqual(["log_5", "log_3", "log_1"]);
});

it("leaves out its own questions, and nobody else's", () => {
  const ask = (id: number, userId: string) => record(id, { path: "/api/v1/access-logs", principal: { type: "session", userId } });
  expect(withNewest([], [ask(3, "me"), ask(2, "other"), record(1)], "me").map((one) => one.id)).toEqual(["log_2", "log_1"]);
});

it("keeps no more than a page can show", () => {
  const many = Array.from({ length: 700 }, (_, id) => record(700 - id));
  expect(withNewest(many, [record(701)], "me")).toHaveLength(500);
  expect(withNewest(many, [record(701)], "me")[0]?.id).toBe("log_701");
});
