import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { execute } from "@/api/graphql";
import { FilterBox, PAUSE_MS } from "./filter-box";

vi.mock("@/api/graphql", async (original) => ({ ...(await original<object>()), execute: vi.fn() }));

let root: Root;
let used: string[];
let asked: string[];

function draw(value: string) {
  act(() => {
    root.render(
      <QueryClientProvider client={client}>
        <FilterBox projectId="p" value={value} onChange={keep} />
      </QueryClientProvider>,
    );
  });
}

let client: QueryClient;
const keep = (value: string) => {
  used.push(value);
};
function find(selector: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(selector);
  return found;
}
const input = () => find('input[aria-label="Filter traces"]') as HTMLInputElement;
const button = (label: string) => find(`button[aria-label="${label}"]`);

function type(text: string) {
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input(), text);
    input().dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** The clock, and then the answers that came meanwhile. */
async function pass(ms: number) {
  for (const step of [ms, 10, 10]) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(step);
    });
  }
}

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  vi.useFakeTimers();
  used = [];
  asked = [];
  client = new QueryClient();
  vi.mocked(execute).mockImplementation((_, variables) => {
    const condition = (variables as { condition: string }).condition;
    asked.push(condition);
    const isValid = !condition.includes("= =");
    const verdict = { isValid, errorMessage: isValid ? null : "wrong at character 3\na = = b\n  ^", errorAt: isValid ? null : 3 };
    return Promise.resolve({ node: { __typename: "Project", id: "p", validateTraceFilterCondition: verdict } });
  });
  document.body.innerHTML = '<div id="at"></div>';
  root = createRoot(find("#at"));
});

afterEach(() => {
  act(() => {
    root.unmount();
  });
  vi.useRealTimers();
});

it("is used once typing pauses and the server takes it", async () => {
  draw("");
  type("num_spans");
  await pass(PAUSE_MS / 2);
  type("num_spans > 3");
  await pass(PAUSE_MS / 2);
  expect(asked).toEqual([]);
  await pass(PAUSE_MS);
  expect(asked).toEqual(["num_spans > 3"]);
  expect(used).toEqual(["num_spans > 3"]);
});

it("says where it is wrong, and leaves the list as it was", async () => {
  draw("");
  type("a = = b");
  await pass(PAUSE_MS * 2);
  expect(used).toEqual([]);
  expect(document.querySelector("pre")?.textContent).toBe("wrong at character 3\na = = b\n  ^");
  expect(input().getAttribute("aria-invalid")).toBe("true");
  type("a == b");
  expect(document.querySelector("pre")).toBeNull();
  await pass(PAUSE_MS * 2);
  expect(used).toEqual(["a == b"]);
});

it("follows the address, and is emptied at once", async () => {
  draw("num_spans > 3");
  expect(input().value).toBe("num_spans > 3");
  draw("num_spans > 4");
  expect(input().value).toBe("num_spans > 4");
  await pass(PAUSE_MS * 2);
  expect(used).toEqual([]);
  act(() => {
    button("Clear filter").click();
  });
  expect(used).toEqual([""]);
});

it("takes an example from its help", async () => {
  draw("");
  expect(document.querySelector('[aria-label="Examples of filters"]')).toBeNull();
  act(() => {
    button("How to filter").click();
  });
  act(() => {
    document.querySelector<HTMLButtonElement>('[aria-label="Examples of filters"] button')?.click();
  });
  await pass(PAUSE_MS);
  expect(used).toEqual(["error_count > 0"]);
  expect(document.querySelector('[aria-label="Examples of filters"]')).toBeNull();
});
