import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useFocusKept, useGone } from "./hooks";

let root: Root;
let seen: boolean[];

function Probe({ isOpen }: { readonly isOpen: boolean }) {
  const gone = useGone(isOpen);
  seen.push(gone);
  return null;
}

const draw = (isOpen: boolean) => {
  act(() => {
    root.render(<Probe isOpen={isOpen} />);
  });
};
const pass = (ms: number) => {
  act(() => {
    vi.advanceTimersByTime(ms);
  });
};

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  vi.useFakeTimers();
  seen = [];
  document.body.innerHTML = '<main id="main" tabindex="-1"></main><button>elsewhere</button>';
  root = createRoot(document.body.appendChild(document.createElement("div")));
});

afterEach(() => {
  act(() => {
    root.unmount();
  });
  vi.useRealTimers();
});

it("is gone a moment after it closes, and back at once", () => {
  draw(false);
  expect(seen.at(-1)).toBe(true);
  draw(true);
  expect(seen.at(-1)).toBe(false);
  draw(false);
  expect(seen.at(-1)).toBe(false);
  pass(400);
  expect(seen.at(-1)).toBe(true);
  draw(true);
  draw(false);
  pass(200);
  draw(true);
  pass(1000);
  expect(seen.at(-1)).toBe(false);
});

it("leaves the focus alone unless it is nowhere", () => {
  draw(false);
  pass(1000);
  expect(document.activeElement).toBe(document.body);
  draw(true);
  draw(false);
  pass(1000);
  expect(document.activeElement?.id).toBe("main");
  document.querySelector("button")?.focus();
  draw(true);
  draw(false);
  pass(1000);
  expect(document.activeElement?.textContent).toBe("elsewhere");
});

function Sheet({ hasButton }: { readonly hasButton: boolean }) {
  return (
    <div ref={useFocusKept()} id="sheet" tabIndex={-1}>
      {hasButton && <button>inside</button>}
    </div>
  );
}

it("keeps the focus on a sheet whose focused button goes", async () => {
  act(() => {
    root.render(<Sheet hasButton />);
  });
  document.querySelector<HTMLElement>("#sheet button")?.focus();
  expect(document.activeElement?.textContent).toBe("inside");
  await act(async () => {
    root.render(<Sheet hasButton={false} />);
    await Promise.resolve();
  });
  expect(document.activeElement?.id).toBe("sheet");
});
