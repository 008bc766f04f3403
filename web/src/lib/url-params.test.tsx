import { act } from "react";
import { createRoot } from "react-dom/client";
import { MemoryRouter, useLocation } from "react-router";
import { expect, it } from "vitest";
import { useParam } from "./url-params";

const seen: { param: ReturnType<typeof useParam>; search: string }[] = [];

function Probe() {
  const param = useParam();
  const { search } = useLocation();
  seen.push({ param, search });
  return null;
}

function latest() {
  const last = seen.at(-1);
  if (!last) throw new Error("nothing was drawn");
  return last;
}

it("keeps every change that comes before the page shows the first of them", () => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  const root = createRoot(document.createElement("div"));
  act(() => {
    root.render(
      <MemoryRouter initialEntries={["/log?page=2"]}>
        <Probe />
      </MemoryRouter>,
    );
  });
  act(() => {
    const [, set, setAll] = latest().param;
    set("key", "7");
    set("status", "403");
    setAll(["page", ""], ["method", "GET"]);
  });
  expect(latest().search).toBe("?key=7&status=403&method=GET");
  act(() => {
    latest().param[1]("status", "");
  });
  expect(latest().search).toBe("?key=7&method=GET");
  act(() => {
    root.unmount();
  });
});
