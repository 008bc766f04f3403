// One walk through the whole interface, against a running server that serves web/dist.
//
//   PHOENIX_TEST_BASE_URL        address of the server with its prefix, e.g. http://127.0.0.1:6006/sub   (required)
//   PHOENIX_TEST_PROJECT         name of a project that an exporter has written to                        (required)
//   PHOENIX_TEST_TRACE_ID        id (32 hex digits) of a trace in that project, among its latest 50       (required)
//   PHOENIX_TEST_ADMIN_EMAIL     default admin@localhost
//   PHOENIX_TEST_ADMIN_PASSWORD  default admin
//   PHOENIX_TEST_NEW_PASSWORD    what to set when the server demands a change; default ember-and-ash-2026
//   PHOENIX_TEST_SHOTS           a directory for screenshots of each step; none are taken without it
//   CHROMIUM                     default /usr/bin/chromium
//
// Signs in as the admin. If the password has to be changed first, it is: run it against a fresh database.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const env = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const base = env("PHOENIX_TEST_BASE_URL").replace(/\/$/, "");
const project = env("PHOENIX_TEST_PROJECT");
const traceId = env("PHOENIX_TEST_TRACE_ID");
const email = env("PHOENIX_TEST_ADMIN_EMAIL", "admin@localhost");
const newPassword = env("PHOENIX_TEST_NEW_PASSWORD", "ember-and-ash-2026");
let password = env("PHOENIX_TEST_ADMIN_PASSWORD", "admin");
const shots = process.env.PHOENIX_TEST_SHOTS;

const origin = new URL(base).origin;
const problems = [];
let browser, page;

/** The browser reports each refused call; these are refusals that the walk asks for. */
const expectedRefusals = [/\/graphql$/, /\/auth\/refresh$/, /\/auth\/login$/];

before(async () => {
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", reducedMotion: "reduce" });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const refused = /status of 401/.test(message.text()) && expectedRefusals.some((pattern) => pattern.test(message.location().url));
    if (!refused) problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) problems.push(`request to another site: ${url}`);
  });
});

after(async () => {
  await browser?.close();
});

const path = () => page.url().slice(base.length);
const shot = async (name) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
};

/** Asserts what will be so in a moment. */
async function eventually(check) {
  for (let left = 40; ; left -= 1) {
    try {
      return await check();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function signIn(secret) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function openProject() {
  await page.goto(`${base}/projects`);
  await page.getByRole("table", { name: "Projects" }).getByRole("link", { name: project, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: project }).waitFor();
}

test("a visitor without a session is sent to the login page, and knows the way back", async () => {
  await page.goto(`${base}/projects?q=abc`);
  await page.waitForURL(`${base}/login?*`);
  assert.equal(new URL(page.url()).searchParams.get("returnUrl"), "/projects?q=abc");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await shot("login");
});

test("a wrong password is refused with words", async () => {
  await signIn("certainly-not-it");
  await page.getByRole("alert").waitFor();
  assert.match(path(), /^\/login/);
});

test("a password that somebody else chose has to be changed first", async (t) => {
  await signIn(password);
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
  if (!path().startsWith("/reset-password")) return t.skip("this password need not be changed");

  await page.goto(`${base}/projects`);
  await page.waitForURL(`${base}/reset-password`);
  await shot("reset-password");
  const change = page.getByRole("button", { name: "Change password" });
  assert.equal(await change.isDisabled(), true);
  await page.getByLabel("Current password").fill(password);
  await page.getByLabel("New password", { exact: true }).fill(newPassword);
  await page.getByLabel("New password, again").fill(newPassword);
  await change.click();
  await page.waitForURL(`${base}/login`);
  await page.getByText("Your password was changed").waitFor();
  password = newPassword;
  await signIn(password);
  await page.waitForURL(`${base}/projects`);
});

test("a project shows its latest traces, and a row opens with the keyboard", async () => {
  await openProject();
  await page.locator("[data-row='0'] a").waitFor();
  await shot("traces");
  const link = page.locator(`a[href$="/traces/${traceId}"]`);
  await link.waitFor();
  await page.locator("[data-row='0'] a").focus();
  for (let i = 0; i < 60; i += 1) {
    if ((await page.evaluate(() => document.activeElement?.getAttribute("href") ?? "")).endsWith(traceId)) break;
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(30);
  }
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname.endsWith(`/traces/${traceId}`));
});

test("a trace shows its spans as a tree, and the details of one", async () => {
  const tree = page.getByRole("tree", { name: "Spans" });
  await tree.getByRole("treeitem").first().waitFor();
  const count = await tree.getByRole("treeitem").count();
  assert.ok(count > 0);
  await tree.focus();
  await page.keyboard.press("End");
  await eventually(async () => {
    const selected = await tree.getByRole("treeitem", { selected: true }).getAttribute("data-span-id");
    assert.equal(new URL(page.url()).searchParams.get("span"), selected);
  });
  const root = tree.getByRole("treeitem").first();
  await page.keyboard.press("Home");
  if ((await root.getAttribute("aria-expanded")) === "true") {
    await page.keyboard.press("ArrowLeft");
    await eventually(async () => assert.equal(await root.getAttribute("aria-expanded"), "false"));
    await page.keyboard.press("ArrowRight");
    await eventually(async () => assert.equal(await root.getAttribute("aria-expanded"), "true"));
  }
  await shot("trace");
});

test("attributes can be read and searched", async () => {
  await page.getByRole("tab", { name: "Attributes" }).click();
  const panel = page.getByRole("tabpanel", { name: "Attributes" });
  await panel.locator("li").first().waitFor();
  const all = await panel.locator("li").count();
  await panel.getByLabel("Search attributes").fill("no attribute is called this");
  await panel.getByText("Nothing matches").waitFor();
  await panel.getByLabel("Search attributes").fill("");
  await eventually(async () => assert.equal(await panel.locator("li").count(), all));
  assert.equal(new URL(page.url()).searchParams.get("tab"), "attributes");
  await shot("attributes");
});

test("a trace id leads to its trace from anywhere", async () => {
  await page.goto(`${base}/projects`);
  await page.getByRole("table", { name: "Projects" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByLabel("Search projects and commands").fill(traceId);
  await page.getByRole("menuitem", { name: `Open trace ${traceId}` }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname.endsWith(`/traces/${traceId}`));
});

test("the theme is chosen once and stays", async () => {
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: /^Theme/ }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await eventually(async () => assert.notEqual(await background(), light));
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.getByRole("tree").waitFor();
  await shot("trace-dark");
});

test("everything fits on a narrow screen", async () => {
  await page.setViewportSize({ width: 360, height: 720 });
  for (const address of ["/projects", new URL(page.url()).pathname.slice(new URL(base).pathname.replace(/\/$/, "").length), "/settings/api-keys"]) {
    await page.goto(`${base}${address}`);
    await page.getByRole("button", { name: "Open navigation" }).waitFor();
    await page.waitForLoadState("networkidle");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true, address);
  }
  await page.getByRole("button", { name: "Open navigation" }).click();
  await page.getByRole("dialog", { name: "Navigation" }).getByRole("link", { name: "Projects", exact: true }).click();
  await page.waitForURL(`${base}/projects`);
  await shot("narrow");
  await page.setViewportSize({ width: 1440, height: 900 });
});

test("the reference and the explorer work below the same policy", async () => {
  await page.goto(`${base}/docs`);
  await page.getByRole("navigation", { name: "Operations" }).getByRole("link").first().click();
  await page.getByRole("heading", { name: "Responses" }).waitFor();
  await shot("docs");
  await page.goto(`${base}/graphql`);
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("status").getByText("Done").waitFor();
  await shot("graphql");
});

test("an address that is nowhere says so", async () => {
  await page.goto(`${base}/nowhere/at/all`);
  await page.getByText("There is nothing at this address").waitFor();
});

test("signing out ends the session", async () => {
  await page.goto(`${base}/projects`);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await page.waitForURL(`${base}/login`);
  await page.goto(`${base}/projects`);
  await page.waitForURL(`${base}/login?*`);
});

test("nothing was reported on the console and nothing asked of another site", () => {
  assert.deepEqual(problems, []);
});
