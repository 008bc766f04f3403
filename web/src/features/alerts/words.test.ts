import { expect, it } from "vitest";
import { countryName, kindInWords, outcomeInWords, resolutionInWords, toldOf, whyInWords } from "./words";

it.each([
  [{ kind: "unexpected_geography", country: "JP", details: {}, message: "Used from JP" }, "Used from Japan for the first time."],
  [{ kind: "error_rate", country: null, details: { requests: 1200, errors: 119 }, message: "x" }, "119 of 1,200 requests failed: 9 %."],
  [{ kind: "error_rate", country: null, details: {}, message: "Many failed" }, "Many failed."],
  [{ kind: "expiring", country: null, details: {}, message: "Expires on 2026-06-01 12:00 UTC" }, "Expires on 2026-06-01 12:00 UTC."],
])("%j", (alert, words) => {
  expect(whyInWords(alert)).toBe(words);
});

it("spells out what is new here", () => {
  expect(kindInWords("quota_used")).toBe("Quota used");
  expect(resolutionInWords("turned_off")).toBe("Turned off");
  expect(resolutionInWords(null)).toBe("");
  expect(countryName("not a code")).toBe("not a code");
});

it.each([
  [{ events: null, alertKinds: null }, "All alerts, when raised and when over"],
  [{ events: ["alert.raised"], alertKinds: ["unused", "expiring"] }, "Not used, Expires soon, when raised"],
  [{ events: ["alert.resolved"], alertKinds: null }, "All alerts, when over"],
])("%j", (destination, words) => {
  expect(toldOf(destination)).toBe(words);
});

it("says what came of a test", () => {
  expect(outcomeInWords({ status: "delivered", statusCode: 204, error: null })).toBe("The test was delivered: the answer was 204.");
  expect(outcomeInWords({ status: "delivered", statusCode: null, error: null })).toBe("The test was delivered.");
  expect(outcomeInWords({ status: "failed", statusCode: null, error: "No connection" })).toBe("The test failed. No connection.");
});
