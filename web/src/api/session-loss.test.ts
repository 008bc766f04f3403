import { describe, expect, it, vi } from "vitest";
import { createSessionLoss, lossReasonOf } from "./session-loss";

function world(canAsk: boolean | null = true) {
  const leave = vi.fn();
  const loss = createSessionLoss({ leave });
  if (canAsk !== null) loss.attach(() => canAsk);
  return { leave, loss };
}

describe("sessionLoss", () => {
  it("holds every call until the visitor has signed in again", async () => {
    const { leave, loss } = world();
    const seen = vi.fn();
    loss.subscribe(seen);
    const waiting = Promise.all([loss.lost(), loss.lost()]);
    expect(loss.isLost()).toBe(true);
    expect(seen).toHaveBeenCalledTimes(1);
    loss.restored();
    await waiting;
    expect(loss.isLost()).toBe(false);
    void loss.lost("deactivated");
    expect(loss.reason()).toBe("deactivated");
    expect(leave).not.toHaveBeenCalled();
  });

  it("asks again when the session is lost again", async () => {
    const { loss } = world();
    const first = loss.lost();
    loss.restored();
    await first;
    void loss.lost();
    expect(loss.isLost()).toBe(true);
  });

  it.each([null, false])("leaves for the login page when nobody can ask (%s)", async (canAsk) => {
    const { leave, loss } = world(canAsk);
    const settled = vi.fn();
    void loss.lost().then(settled);
    await Promise.resolve();
    expect(leave).toHaveBeenCalledTimes(1);
    expect(loss.isLost()).toBe(false);
    expect(settled).not.toHaveBeenCalled();
  });

  it("leaves after the one who could ask is gone", () => {
    const { leave, loss } = world(null);
    loss.attach(() => true)();
    void loss.lost();
    expect(leave).toHaveBeenCalledTimes(1);
  });
});

it.each([
  ['Bearer realm="x", error="invalid_token", error_description="The user is deactivated"', "deactivated"],
  ['Bearer realm="x", error="invalid_token", error_description="Invalid token"', "unknown"],
  ["", "unknown"],
])("reads why off %s", (challenge, reason) => {
  expect(lossReasonOf(new Response(null, { status: 401, headers: { "www-authenticate": challenge } }))).toBe(reason);
});
