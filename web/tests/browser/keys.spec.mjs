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
import { execFileSync } from "node:child_process";
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

test("all that bounds a key can be changed, and nothing else is", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page, service.name);
  await panel.getByRole("button", { name: "Edit" }).click();
  assert.equal(await panel.getByRole("radio", { name: "Choose each" }).isChecked(), true);
  assert.equal(await panel.getByRole("checkbox", { name: project }).isChecked(), true);
  await panel.getByLabel("Description").fill("All regions but one");
  await page.keyboard.press("Escape");
  const save = panel.getByRole("button", { name: "Save changes" });
  await assertAccessible(page, "the form that edits a key");
  await shot(page, "edit");
  await save.click();
  await panel.getByText("All regions but one").waitFor();
  for (const text of ["Send traces, and annotate them", "Pro", "500 trace requests a minute"]) await panel.getByText(text, { exact: true }).waitFor();

  await panel.getByRole("button", { name: "Edit" }).click();
  await panel.getByRole("checkbox", { name: "Send traces" }).uncheck();
  await panel.getByRole("checkbox", { name: "List projects" }).uncheck();
  await panel.getByText("Choose at least one permission").waitFor();
  assert.equal(await save.isDisabled(), true);
  await panel.getByRole("radio", { name: "Read only" }).check();
  await panel.getByRole("radio", { name: "All projects" }).check();
  await panel.getByLabel("Expires").selectOption({ label: "On a day…" });
  await panel.getByText("Choose a day that is still to come").waitFor();
  await panel.getByLabel("Day", { exact: true }).fill("2099-05-17");
  await panel.getByText(/^It is refused from .*2099.* on/).waitFor();
  await panel.getByText("Plan and limits").click();
  await panel.getByLabel("Plan", { exact: true }).selectOption({ label: "Free" });
  await panel.getByLabel("Trace requests a minute").fill("");
  await panel.getByLabel("Requests at once").fill("7");
  await assertAccessible(page, "the form that edits a key, all of it");
  await save.click();
  for (const text of ["Read traces, spans, sessions and annotations", "Free", "7 requests at once", "All"]) await eventually(async () => assert.ok((await panel.getByText(text, { exact: true }).count()) + (await panel.getByText("Read only").count()) > 0, text));
  assert.equal(await panel.getByText("500 trace requests a minute").count(), 0);
  await eventually(async () => assert.deepEqual([await send(service.secret), await status("/v1/projects/default/spans", service.secret)], [403, 200]));
  await shot(page, "edited");

  await panel.getByRole("button", { name: "Edit" }).click();
  await panel.getByRole("radio", { name: "Choose each" }).check();
  for (const name of ["Read traces", "Read datasets", "Read results", "Read prompts"]) await panel.getByRole("checkbox", { name }).uncheck();
  await panel.getByRole("checkbox", { name: "Send traces" }).check();
  await panel.getByRole("radio", { name: "Only these" }).check();
  await panel.getByRole("checkbox", { name: project }).check();
  await save.click();
  await panel.getByText("Send traces, and annotate them", { exact: true }).waitFor();
  assert.deepEqual([await send(service.secret), await status("/v1/projects/default", service.secret)], [200, 404]);

  await panel.getByRole("button", { name: "Edit" }).click();
  await panel.getByLabel("Name").fill("typed by mistake");
  await panel.getByRole("button", { name: "Discard" }).click();
  await panel.getByText("All regions but one").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(async () => assert.equal(await list(page).getByRole("link", { name: service.name }).evaluate((element) => element === document.activeElement), true));
  await context.close();
});

test("a new key can end on a day", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/profile/api-keys?create=1`);
  const dialog = page.getByRole("dialog", { name: "New key of your own" });
  await dialog.getByLabel("Name").fill("until a day");
  await dialog.getByLabel("Lifetime").selectOption({ label: "On a day…" });
  await dialog.getByLabel("Day", { exact: true }).fill("2001-01-01");
  await dialog.getByRole("button", { name: "Create key" }).click();
  await dialog.getByText("Choose a day that is still to come").waitFor();
  await dialog.getByLabel("Day", { exact: true }).fill("2098-03-04");
  await assertAccessible(page, "a key that ends on a day");
  await dialog.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("dialog", { name: "Copy this key now" }).waitFor();
  await closeDialogs(page, "I have copied it");
  const row = page.getByRole("table", { name: "Your API keys" }).getByRole("row").filter({ hasText: "until a day" });
  await row.getByText(/2098/).waitFor();
  await context.close();
});

test("the first page of an empty project makes the key that its snippets need", async () => {
  const { context, page } = await enter(admin);
  const { data } = await (await page.request.get(`${base}/v1/projects/${project}`)).json();
  for (const look of looks) {
    const seen = await enter(admin, look);
    await seen.page.goto(`${base}/projects/${encodeURIComponent(data.id)}`);
    await seen.page.getByRole("region", { name: "An API key" }).waitFor();
    await calm(seen.page);
    await assertFits(seen.page, "the first page");
    await assertAccessible(seen.page, "the first page");
    await shot(seen.page, `first-${look.width}-${look.theme}`);
    await seen.context.close();
  }
  await page.goto(`${base}/projects/${encodeURIComponent(data.id)}`);
  await page.getByRole("region", { name: "An API key" }).getByRole("button", { name: "Create key" }).click();
  const made = page.getByRole("region", { name: "The new key" });
  const secret = (await made.getByLabel("key", { exact: true }).innerText()).trim();
  assert.match(secret, /^px_sys_/);
  for (const tab of ["Python, OTLP", "Phoenix client", "Node.js", "curl"]) {
    await page.getByRole("tab", { name: tab }).click();
    assert.ok((await page.getByRole("tabpanel", { name: tab }).innerText()).includes(secret), tab);
  }
  await assertAccessible(page, "the key of the first page");
  await shot(page, "first-made");
  const code = (await page.getByRole("tabpanel", { name: "curl" }).getByLabel("curl: Send", { exact: true }).innerText()).trim();
  await assertAccessible(page, "the snippets of the first page");
  await made.getByRole("button", { name: "I have copied it" }).click();
  await page.getByRole("region", { name: "An API key" }).waitFor();
  assert.equal((await page.content()).includes(secret), false);

  for (const [person, offers] of [[member, true], [viewer, false]]) {
    const other = await enter(person);
    await other.page.goto(`${base}/projects/${encodeURIComponent(data.id)}`);
    await other.page.getByRole("tab", { name: "curl" }).waitFor();
    if (offers) {
      await other.page.getByRole("button", { name: "Create key" }).click();
      assert.match((await other.page.getByRole("region", { name: "The new key" }).getByLabel("key", { exact: true }).innerText()).trim(), /^px_live_/);
    } else {
      await other.page.getByText(/As a viewer you read, and so do your keys/).waitFor();
      assert.equal(await other.page.getByRole("button", { name: "Create key" }).count(), 0);
      await assertAccessible(other.page, "the first page of a viewer");
    }
    await other.context.close();
  }

  // What is to be typed is typed, and the trace is there: in this project, and with this key in no other.
  const typed = (text) => execFileSync("bash", ["-c", text], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  typed(code);
  await page.reload();
  await page.getByLabel(/^Traces of/).getByText("first trace").first().waitFor();
  assert.throws(() => typed(code.replace(`"stringValue": "${project}"`, '"stringValue": "default"')), /403/);
  assert.equal(await status(`/v1/projects/${project}/spans`, secret), 403);
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
    // A member made one on the first page of the project.
    if (person === viewer) await page.getByText("You have no keys yet").waitFor();
    else await page.getByRole("table", { name: "Your API keys" }).getByRole("row").filter({ hasText: "Application Instrum" }).waitFor();
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
  await eventually(async () => assert.equal(await requests.getByText("POST /v1/traces").count(), 1));
  const records = await exported(page);
  assert.deepEqual(records.map(({ path, status }) => [path, status]), [["/v1/traces", 403], ["/v1/users", 403]]);
  await page.getByLabel("Method").selectOption("PUT");
  await page.getByText("Nothing is recorded that fits").waitFor();
  await page.getByRole("button", { name: "Show everything" }).click();
  await requests.getByRole("link", { name: service.name }).first().click();
  await page.getByRole("dialog", { name: service.name }).waitFor();
  await context.close();
});

test("the access log is followed while somebody looks", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/access-log`);
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByLabel("Key").selectOption({ label: service.name });
  const requests = page.getByRole("table", { name: "Requests" });
  const marked = `/v1/projects/live-${run}`;
  assert.equal(await status(marked, service.secret), 404);
  await eventually(async () => assert.equal(await requests.getByText(`GET ${marked}`).count(), 1), 8);
  await page.getByLabel("Key").selectOption({ label: "Any" });
  await eventually(async () => assert.ok((await requests.getByRole("row").count()) > 3), 8);
  assert.equal(await requests.getByText("GET /api/v1/access-logs", { exact: true }).count(), 0, "its own questions are not shown");
  await assertAccessible(page, "the log that is followed");
  await shot(page, "live");

  let asked = 0;
  page.on("request", (request) => {
    asked += Number(new URL(request.url()).pathname.endsWith("/api/v1/access-logs"));
  });
  const turn = (state) =>
    page.evaluate((next) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => next });
      Object.defineProperty(document, "hidden", { configurable: true, get: () => next === "hidden" });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, state);
  await eventually(async () => assert.ok(asked > 0), 8);
  await turn("hidden");
  await page.waitForLoadState("networkidle");
  asked = 0;
  await new Promise((resolve) => setTimeout(resolve, 5000));
  assert.equal(asked, 0, "nobody looks");
  await turn("visible");
  await eventually(async () => assert.ok(asked > 0), 8);
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByLabel("Time").waitFor();
  await context.close();
});

test("the audit log says who did what", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/audit-log`);
  const entries = page.getByRole("table", { name: "What was done" });
  await page.getByLabel("To whom or what").fill(service.name);
  await eventually(async () => assert.deepEqual(await entries.getByText(/^API key (created|changed|rotated)$/).allInnerTexts(), ["API key rotated", "API key rotated", "API key changed", "API key changed", "API key changed", "API key created"]));
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
    for (const address of ["/settings/api-keys", "/settings/api-keys?create=1", "/settings/access-log", "/settings/access-log?live=1", "/settings/audit-log", "/profile/api-keys"]) {
      await page.goto(`${base}${address}`);
      await page.getByRole("heading", { level: 2 }).first().waitFor();
      await calm(page);
      await assertFits(page, address);
      await assertAccessible(page, address);
      await shot(page, `${look.width}-${look.theme}${address.replaceAll(/[/?=]/g, "-")}`);
    }
    const panel = await openPanel(page, service.name);
    await panel.getByRole("button", { name: "Edit" }).click();
    await calm(page);
    await assertFits(page, "the form that edits a key");
    await assertAccessible(page, "the form that edits a key");
    await shot(page, `${look.width}-${look.theme}-edit`);
    await panel.getByRole("button", { name: "Discard" }).click();
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
  await eventually(async () => {
    await page.reload();
    await panel.getByRole("list", { name: "Requests with this key" }).getByText("401").first().waitFor({ timeout: 500 });
  }, 15);
  await page.goto(`${base}/settings/api-keys/key_of_nobody`);
  await page.getByText("No such key").waitFor();
  await context.close();
});

test("nothing was reported on the console and nothing asked of another site", () => {
  assert.deepEqual(problems.filter((problem) => !/status of 404.*key_of_nobody/.test(problem)), []);
});
