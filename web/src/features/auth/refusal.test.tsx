import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RefusalNotice, useRefusal, waitText } from "./refusal";

it.each([
  [null, "a few minutes"],
  [0, "now"],
  [1, "in 1 second."],
  [90, "in 90 seconds."],
  [91, "in 2 minutes."],
  [300, "in 5 minutes."],
])("waits %s seconds", (seconds, expected) => {
  expect(waitText(seconds)).toContain(expected);
});

describe("a form that was refused", () => {
  let root: Root;
  let refusal: ReturnType<typeof useRefusal>;

  function Form() {
    refusal = useRefusal();
    return <RefusalNotice refusal={refusal} />;
  }
  const shown = () => document.body.textContent;
  const pass = (ms: number) => {
    act(() => {
      vi.advanceTimersByTime(ms);
    });
  };

  beforeEach(() => {
    (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
    vi.useFakeTimers();
    root = createRoot(document.body.appendChild(document.createElement("div")));
    act(() => root.render(<Form />));
  });
  afterEach(() => {
    act(() => root.unmount());
    vi.useRealTimers();
  });

  it("counts the seconds down and may then be tried again", () => {
    expect(shown()).toBe("");
    act(() => refusal.wait(3));
    expect(shown()).toContain("in 3 seconds");
    expect(refusal.waiting).toBe(true);
    pass(1100);
    expect(shown()).toContain("in 2 seconds");
    pass(2000);
    expect(shown()).toContain("Try again now");
    expect(refusal.waiting).toBe(false);
  });

  it("does not count what nobody told, and forgets the wait for another reason", () => {
    act(() => refusal.wait(null));
    expect(shown()).toContain("a few minutes");
    expect(refusal.waiting).toBe(false);
    act(() => refusal.wait(60));
    act(() => refusal.say("No."));
    pass(2000);
    expect(shown()).toBe("No.");
  });
});
