import { expect, it } from "vitest";
import { waitText } from "./refusal";

it.each([
  [null, "a few minutes"],
  [1, "in 1 second."],
  [90, "in 90 seconds."],
  [91, "in 2 minutes."],
  [300, "in 5 minutes."],
])("waits %s seconds", (seconds, expected) => {
  expect(waitText(seconds)).toContain(expected);
});
