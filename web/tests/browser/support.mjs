// What the walks have in common: a browser that reports what it should not do, and questions asked of every page.

import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";

export function env(name, fallback) {
  const value = process.env[name] ?? fallback;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

/**
 * A browser of its own: cookies, storage and all. What it reports on the console, and what it asks of other sites than
 * `origins`, is added to `problems`; refused calls are reported by the browser too, and `isExpected(text, url)` knows them.
 */
export async function openContext(browser, { width = 1280, theme = "light", origins, problems, isExpected }) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: "reduce" });
  context.setDefaultTimeout(15_000);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on("page", (page) => {
    page.on("console", (message) => {
      if (message.type() === "error" && !isExpected(message.text(), message.location().url)) problems.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
    page.on("request", (request) => {
      const url = request.url();
      if (!origins.some((origin) => url.startsWith(origin)) && !/^(data|blob):/.test(url)) problems.push(`request to another site: ${url}`);
    });
  });
  return context;
}

/** Asserts what will be so in a moment. */
export async function eventually(check, seconds = 3) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function assertAccessible(page, where) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(" ")} (${node.any[0]?.message ?? ""})`).join("; ")}`);
  });
  assert.deepEqual(found, [], where);
}

export async function assertFits(page, where) {
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true, `${where} is wider than the screen`);
}

/** Nothing is loading any more. */
export async function calm(page) {
  await page.waitForLoadState("networkidle");
  await page.locator("[role=status][class*=rows]").waitFor({ state: "detached" });
}

export async function fillSignIn(scope, { email, password }) {
  await scope.getByLabel("E-mail").fill(email);
  await scope.getByLabel("Password", { exact: true }).fill(password);
  await scope.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Signs in at the sign-in page, and changes the password where it has to be changed. */
export async function signIn(page, base, person, newPassword) {
  await page.goto(`${base}/login`);
  await fillSignIn(page, person);
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
  if (page.url().startsWith(`${base}/reset-password`)) {
    await page.getByLabel("Current password").fill(person.password);
    await page.getByLabel("New password", { exact: true }).fill(newPassword);
    await page.getByLabel("New password, again").fill(newPassword);
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("Your password was changed").waitFor();
    person.password = newPassword;
    await fillSignIn(page, person);
  }
  await page.waitForURL(`${base}/projects`);
}
