import { describe, expect, it } from "vitest";
import { currentReturnUrl, loginUrl, safeReturnUrl } from "./return-url";

const origin = "https://traces.example";

describe("safeReturnUrl", () => {
  it.each([
    ["/projects", "/projects"],
    ["/projects/UHJvamVjdDox?live=1#top", "/projects/UHJvamVjdDox?live=1#top"],
    ["/a/../b", "/b"],
  ])("keeps %s", (given, expected) => {
    expect(safeReturnUrl(given, origin)).toBe(expected);
  });

  it.each([
    null,
    undefined,
    "",
    "projects",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "/.//evil.example",
    "https://evil.example/x",
    "javascript:alert(1)",
    "/login",
    "/login?returnUrl=/x",
    "/reset-password",
    "/forgot-password",
    "/reset-password-with-token?token=x",
  ])("refuses %s", (given) => {
    expect(safeReturnUrl(given, origin)).toBe("/");
  });
});

describe("currentReturnUrl", () => {
  const at = (url: string) => new URL(url, origin) as unknown as Location;
  it("leaves the prefix out", () => {
    expect(currentReturnUrl("/sub", at("/sub/projects?q=a"))).toBe("/projects?q=a");
    expect(currentReturnUrl("/sub", at("/sub"))).toBe("/");
    expect(currentReturnUrl("/sub", at("/subway"))).toBe("/subway");
    expect(currentReturnUrl("", at("/projects"))).toBe("/projects");
  });
});

describe("loginUrl", () => {
  it("names the way back only if there is one", () => {
    expect(loginUrl("/sub", "/")).toBe("/sub/login");
    expect(loginUrl("", "/projects?q=a&b")).toBe("/login?returnUrl=%2Fprojects%3Fq%3Da%26b");
  });
});
