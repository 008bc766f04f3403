// Keys with scopes, projects, usage and rotation, the access log and the audit log. Against a running server with
// authentication that has the key platform and serves web/dist.
//
//   PHOENIX_TEST_BASE_URL        address of the server with its prefix, e.g. http://127.0.0.1:6006/sub   (required)
//   PHOENIX_TEST_ADMIN_EMAIL     default admin@localhost
//   PHOENIX_TEST_ADMIN_PASSWORD  default admin
//   PHOENIX_TEST_NEW_PASSWORD    what to set when the server demands a change; default ember-and-ash-2026
//   PHOENIX_TEST_LOOKS           how to look at each page, as "1280-light,390-dark"; default 1280 and 390, light and dark
//   PHOENIX_TEST_SHOTS           a directory for screenshots of each page; none are taken without it
//   CHROMIUM                     default /usr/bin/chromium
//
// Adds a member, a viewer, a project and keys, and leaves them behind: run it against a fresh database.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAccessible, assertFits, calm, env, eventually, launch, openContext, signIn } from "./support.mjs";

const base = env("PHOENIX_TEST_BASE_URL").replace(/\/$/, "");
const newPassword = env("PHOENIX_TEST_NEW_PASSWORD", "ember-and-ash-2026");
const shots = process.env.PHOENIX_TEST_SHOTS;
const looks = env("PHOENIX_TEST_LOOKS", "1280-light,390-light,1280-dark,390-dark")
  .split(",")
  .map((look) => look.split("-"))
  .map(([width, theme]) => ({ width: Number(width), theme }));

const run = randomBytes(3).toString("hex");
const admin = { email: env("PHOENIX_TEST_ADMIN_EMAIL", "admin@localhost"), password: env("PHOENIX_TEST_ADMIN_PASSWORD", "admin") };
const member = { name: `Mo Member ${run}`, email: `mo-${run}@keys.example`, password: "First_word_2026", role: "MEMBER" };
const viewer = { name: `Vi Viewer ${run}`, email: `vi-${run}@keys.example`, password: "First_word_2026", role: "VIEWER" };
const project = `checkout-${run}`;
const service = { name: `checkout-service-${run}`, secret: "", before: "" };

const problems = [];
let browser;

before(async () => {
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

/** The browser reports refused calls; these are asked for on the way to the sign-in page. */
const isExpected = (text, url) => /status of 401/.test(text) && [/\/graphql$/, /\/auth\/refresh$/, /\/api\/v1\//].some((pattern) => pattern.test(url));
const open = (options) => openContext(browser, { ...options, origins: [new URL(base).origin], problems, isExpected });
const shot = async (page, name) => {
  if (shots) await page.screenshot({ path: join(shots, `keys-${name}.png`) });
};

async function enter(person, options) {
  const context = await open(options);
  const page = await context.newPage();
  await signIn(page, base, person, newPassword);
  return { context, page };
}

/** The status of a call with a key, from outside of any browser. */
async function status(path, secret, init = {}) {
  const response = await fetch(`${base}${path}`, { ...init, headers: { authorization: `Bearer ${secret}`, "content-type": "application/json", ...init.headers } });
  await response.arrayBuffer();
  return response.status;
}

const send = (secret) => status("/v1/traces", secret, { method: "POST", body: '{"resourceSpans": []}' });
const list = (page) => page.getByRole("table", { name: "API keys", exact: true });

async function openPanel(page, name, filter = "") {
  await page.goto(`${base}/settings/api-keys${filter}`);
  await list(page).getByRole("link", { name }).click();
  const panel = page.getByRole("dialog", { name });
  await panel.getByRole("region", { name: "Usage" }).waitFor();
  return panel;
}

async function closeDialogs(page, button) {
  await page.getByRole("button", { name: button }).click();
  await eventually(async () => assert.equal(await page.getByRole("dialog").count(), 0));
}

/** What is shown once, and the snippets beside it. */
async function readSecret(page, tabs) {
  const once = page.getByRole("dialog", { name: "Copy this key now" });
  const secret = (await once.getByLabel("key", { exact: true }).innerText()).trim();
  assert.deepEqual(await once.getByRole("tab").allInnerTexts(), tabs);
  for (const tab of tabs) {
    await once.getByRole("tab", { name: tab }).click();
    const code = await once.getByRole("tabpanel", { name: tab }).innerText();
    assert.ok(code.includes(secret), tab);
    assert.ok(code.includes(base), tab);
  }
  await assertAccessible(page, "the key shown once");
  await page.keyboard.press("Escape");
  await once.waitFor();
  return secret;
}

test("an administrator signs in, and there are people and a project", async () => {
  const { context, page } = await enter(admin);
  for (const { name, email, password, role } of [member, viewer]) {
    const answer = await page.request.post(`${base}/v1/users`, { data: { user: { username: name, email, password, role, auth_method: "LOCAL" }, send_welcome_email: false } });
    assert.equal(answer.status(), 201, await answer.text());
  }
  assert.equal((await page.request.post(`${base}/v1/projects`, { data: { name: project } })).ok(), true);
  await context.close();
});

test("a system key is made with what it needs and nothing else", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/api-keys`);
  await page.getByRole("button", { name: "New key" }).first().click();
  const dialog = page.getByRole("dialog", { name: "New system key" });
  await dialog.getByLabel("Name").fill(service.name);
  await dialog.getByLabel("Description").fill("All regions");
  await dialog.getByLabel("Lifetime").selectOption({ label: "30 days" });
  assert.equal(await dialog.getByRole("radio", { name: "Admin", exact: true }).count(), 0, "a member's key offers no more than a member has");
  await dialog.getByLabel("Role", { exact: true }).selectOption({ label: "Admin" });
  await dialog.getByRole("radio", { name: "Admin", exact: true }).waitFor();
  await dialog.getByLabel("Role", { exact: true }).selectOption({ label: "Member" });
  await dialog.getByRole("radio", { name: "Choose each" }).check();
  const create = dialog.getByRole("button", { name: "Create key" });
  await dialog.getByRole("checkbox", { name: "Read traces" }).uncheck();
  await dialog.getByText("Choose at least one permission").waitFor();
  assert.equal(await create.isDisabled(), true);
  await dialog.getByRole("checkbox", { name: "Send traces" }).check();
  await dialog.getByRole("checkbox", { name: "List projects" }).check();
  await dialog.getByRole("radio", { name: "Only these" }).check();
  assert.equal(await create.isDisabled(), true);
  await dialog.getByLabel("Search projects").fill(project);
  await dialog.getByRole("checkbox", { name: project }).check();
  await dialog.getByText("Plan and limits").click();
  await dialog.getByLabel("Plan", { exact: true }).selectOption({ label: "Pro" });
  await dialog.getByLabel("Trace requests a minute").fill("500");
  await assertAccessible(page, "the new key dialog");
  await shot(page, "create");
  await create.click();
  service.secret = await readSecret(page, ["Environment", "Python", "TypeScript", "curl", "OTLP"]);
  assert.match(service.secret, /^px_sys_/);
  await shot(page, "once");
  await closeDialogs(page, "I have copied it");
  assert.equal((await page.content()).includes(service.secret), false);

  const row = list(page).getByRole("row").filter({ hasText: service.name });
  for (const text of ["Send traces, read projects", "Active", "never"]) await row.getByText(text).waitFor();
  await context.close();
});

test("a key does what it may, and its panel tells what it did", async () => {
  assert.equal(await send(service.secret), 200);
  assert.equal(await status("/v1/projects", service.secret), 200);
  assert.equal(await status("/v1/users", service.secret), 403);
  const { context, page } = await enter(admin);
  await eventually(async () => {
    const panel = await openPanel(page, service.name);
    await panel.getByRole("list", { name: "Requests with this key" }).getByText("POST /v1/traces").waitFor({ timeout: 500 });
    await panel.getByRole("table", { name: "Requests by route" }).getByText("/v1/traces").waitFor({ timeout: 500 });
  }, 15);
  const panel = page.getByRole("dialog", { name: service.name });
  for (const text of ["All regions", "Send traces, and annotate them", "List projects and read about them", project, "Member", "Pro", "500 trace requests a minute"]) await panel.getByText(text, { exact: true }).waitFor();
  const usage = panel.getByRole("region", { name: "Usage" });
  await usage.getByText(/^Last used .* by a Node.js script from /).waitFor();
  for (const range of ["24 h", "30 d", "7 d"]) {
    await usage.getByRole("radio", { name: range }).click();
    await usage.getByRole("img", { name: /^3 requests in the last/ }).waitFor();
  }
  await usage.getByText("33%").waitFor();
  await panel.getByRole("list", { name: "Requests with this key" }).getByText("403").waitFor();
  await assertAccessible(page, "the panel of a key");
  await shot(page, "panel");
  await context.close();
});

test("what is said about a key can be changed", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page, service.name);
  await panel.getByRole("button", { name: "Edit" }).click();
  await panel.getByLabel("Description").fill("All regions but one");
  await page.keyboard.press("Escape");
  await panel.getByRole("button", { name: "Save changes" }).click();
  await panel.getByText("All regions but one").waitFor();
  await panel.getByRole("button", { name: "Edit" }).click();
  await panel.getByLabel("Name").fill("typed by mistake");
  await panel.getByRole("button", { name: "Discard" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(async () => assert.equal(await list(page).getByRole("link", { name: service.name }).evaluate((element) => element === document.activeElement), true));
  await context.close();
});

test("a key is rotated: both secrets work for a while, and then the new one alone", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page, service.name);
  await panel.getByRole("button", { name: "Rotate key" }).click();
  const dialog = page.getByRole("dialog", { name: `Rotate “${service.name}”?` });
  await dialog.getByLabel("The present secret works on for").selectOption({ label: "1 hour" });
  await assertAccessible(page, "the question before rotating");
  await shot(page, "rotate");
  await dialog.getByRole("button", { name: "Rotate key" }).click();
  service.before = service.secret;
  service.secret = await readSecret(page, ["Environment", "Python", "TypeScript", "curl", "OTLP"]);
  await page.getByText(/^“.*The secret before it, px_sys_.* works until/).waitFor();
  await page.getByRole("button", { name: "I have copied it" }).click();
  assert.deepEqual([await send(service.before), await send(service.secret)], [200, 200]);
  await panel.getByText("Rotating").waitFor();
  await panel.getByText(/^works until/).waitFor();
  assert.equal(await panel.getByText(/^px_sys_.*….{4}$/).count(), 3);
  assert.equal((await page.content()).includes(service.secret), false);
  await shot(page, "rotating");

  await panel.getByRole("button", { name: "Rotate key" }).click();
  await dialog.getByText("ends at once").waitFor();
  await dialog.getByLabel("The present secret works on for").selectOption({ label: "None: it is refused at once" });
  await dialog.getByRole("button", { name: "Rotate key" }).click();
  const [before, middle] = [service.before, service.secret];
  service.secret = await readSecret(page, ["Environment", "Python", "TypeScript", "curl", "OTLP"]);
  await page.getByRole("button", { name: "I have copied it" }).click();
  assert.deepEqual([await send(before), await send(middle), await send(service.secret)], [401, 401, 200]);
  await panel.getByText("Active").waitFor();
  await context.close();
});

for (const person of [member, viewer]) {
  test(`a ${person.role.toLowerCase()} has keys that reach no further`, async () => {
    const { context, page } = await enter(person);
    await page.goto(`${base}/profile/api-keys`);
    await page.getByText("You have no keys yet").waitFor();
    await page.getByRole("button", { name: "New key" }).first().click();
    const dialog = page.getByRole("dialog", { name: "New key of your own" });
    await dialog.getByLabel("Name").fill("notebook");
    await dialog.getByRole("radio", { name: "Test" }).click();
    const offered = await dialog.getByRole("group", { name: "Permissions" }).getByRole("radio").count();
    assert.equal(offered, person === viewer ? 3 : 5);
    assert.equal(await dialog.getByText("Plan and limits").count(), 0);
    await dialog.getByRole("radio", { name: "Read only" }).check();
    await assertAccessible(page, "the new key dialog of one's own");
    await dialog.getByRole("button", { name: "Create key" }).click();
    const secret = await readSecret(page, ["Environment", "Python", "TypeScript", "curl"]);
    assert.match(secret, /^px_test_/);
    await closeDialogs(page, "I have copied it");
    assert.deepEqual([await status("/v1/projects", secret), await send(secret)], [200, 403]);

    await page.getByRole("table", { name: "Your API keys" }).getByRole("link", { name: "notebook" }).click();
    const panel = page.getByRole("dialog", { name: "notebook" });
    await panel.getByRole("button", { name: "Revoke key" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Revoke key" }).click();
    await panel.getByText("Revoked", { exact: true }).first().waitFor();
    assert.equal(await status("/v1/projects", secret), 401);
    await page.goto(`${base}/profile/api-keys?status=revoked`);
    await page.getByRole("table", { name: "Your API keys" }).getByRole("row").filter({ hasText: "notebook" }).waitFor();

    for (const address of ["access-log", "audit-log"]) {
      await page.goto(`${base}/settings/${address}`);
      await page.getByText("You do not have access").waitFor();
      assert.equal(await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: /log$/ }).count(), 0);
    }
    await context.close();
  });
}

test("the list is narrowed by kind, state and owner", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/api-keys`);
  await list(page).getByRole("link", { name: service.name }).waitFor();
  await page.getByLabel("Kind").selectOption({ label: "Personal" });
  await page.getByLabel("State").selectOption({ label: "Revoked" });
  await page.getByLabel("Owner").selectOption({ label: member.name });
  await eventually(async () => assert.equal(await list(page).getByRole("link", { name: "notebook" }).count(), 1));
  await page.reload();
  await list(page).getByRole("row").filter({ hasText: member.name }).waitFor();
  await page.getByLabel("State").selectOption({ label: "Expired" });
  await page.getByText("No key is like that").waitFor();
  await page.getByRole("button", { name: "Show all keys" }).click();
  await list(page).getByRole("link", { name: service.name }).waitFor();
  await context.close();
});

const lines = async (download) => readFileSync(await download.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));

async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export NDJSON" }).click()]);
  assert.match(download.suggestedFilename(), /\.ndjson$/);
  return lines(download);
}

test("the access log is narrowed and taken along", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/access-log`);
  await page.getByLabel("Key").selectOption({ label: service.name });
  await page.getByLabel("Status").selectOption({ label: "403, not allowed" });
  const requests = page.getByRole("table", { name: "Requests" });
  await requests.getByRole("row").filter({ hasText: "GET /v1/users" }).getByText("403").waitFor();
  await eventually(async () => assert.equal(await requests.getByText("POST /v1/traces").count(), 0));
  const records = await exported(page);
  assert.deepEqual(records.map(({ path, status }) => [path, status]), [["/v1/users", 403]]);
  await page.getByLabel("Method").selectOption("POST");
  await page.getByText("Nothing is recorded that fits").waitFor();
  await page.getByRole("button", { name: "Show everything" }).click();
  await requests.getByRole("link", { name: service.name }).first().click();
  await page.getByRole("dialog", { name: service.name }).waitFor();
  await context.close();
});

test("the audit log says who did what", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/audit-log`);
  const entries = page.getByRole("table", { name: "What was done" });
  await page.getByLabel("To whom or what").fill(service.name);
  await eventually(async () => assert.deepEqual(await entries.getByText(/^API key (created|changed|rotated)$/).allInnerTexts(), ["API key rotated", "API key rotated", "API key changed", "API key created"]));
  await page.getByLabel("What", { exact: true }).selectOption({ label: "API key rotated" });
  await eventually(async () => assert.equal(await entries.getByText("API key created").count(), 0));
  const records = await exported(page);
  assert.deepEqual(records.map(({ action }) => action), ["api_key.rotate", "api_key.rotate"]);
  assert.equal(JSON.stringify(records).includes(service.secret), false);
  await entries.getByRole("link", { name: service.name }).first().click();
  await page.getByRole("dialog", { name: service.name }).waitFor();
  await context.close();
});

for (const look of looks) {
  test(`keys and logs suit ${look.width} px, ${look.theme}`, async () => {
    const { context, page } = await enter(admin, look);
    for (const address of ["/settings/api-keys", "/settings/api-keys?create=1", "/settings/access-log", "/settings/audit-log", "/profile/api-keys"]) {
      await page.goto(`${base}${address}`);
      await page.getByRole("heading", { level: 2 }).first().waitFor();
      await calm(page);
      await assertFits(page, address);
      await assertAccessible(page, address);
      await shot(page, `${look.width}-${look.theme}${address.replaceAll(/[/?=]/g, "-")}`);
    }
    await openPanel(page, service.name);
    await calm(page);
    await assertFits(page, "the panel of a key");
    await assertAccessible(page, "the panel of a key");
    await shot(page, `${look.width}-${look.theme}-panel`);
    await context.close();
  });
}

test("whoever revokes a key is told who will notice", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page, service.name);
  await panel.getByRole("button", { name: "Revoke key" }).click();
  const question = page.getByRole("alertdialog");
  await question.getByText(/^Last used .* by a Node.js script from /).waitFor();
  await question.getByText(/requests in the last 7 days, most of them to/).waitFor();
  await assertAccessible(page, "the question before revoking");
  await shot(page, "revoke");
  await question.getByRole("button", { name: "Keep it" }).click();
  await question.waitFor({ state: "detached" });
  assert.equal(await send(service.secret), 200);
  await panel.getByRole("button", { name: "Revoke key" }).click();
  await question.getByRole("button", { name: "Revoke key" }).click();
  await panel.getByText("Revoked", { exact: true }).first().waitFor();
  assert.equal(await panel.getByRole("button", { name: "Rotate key" }).count(), 0);
  assert.equal(await send(service.secret), 401);
  await page.goto(`${base}/settings/api-keys/key_of_nobody`);
  await page.getByText("No such key").waitFor();
  await context.close();
});

test("nothing was reported on the console and nothing asked of another site", () => {
  assert.deepEqual(problems.filter((problem) => !/status of 404.*key_of_nobody/.test(problem)), []);
});
