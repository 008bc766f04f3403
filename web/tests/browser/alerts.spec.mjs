// Alerts about keys and what they are told to, before people and a real receiver. Against a running server with
// authentication that serves web/dist and may send webhooks to this host.
//
//   PHOENIX_TEST_BASE_URL        address of the server with its prefix, e.g. http://127.0.0.1:6006/sub   (required)
//   PHOENIX_TEST_ADMIN_EMAIL     default admin@localhost
//   PHOENIX_TEST_ADMIN_PASSWORD  default admin
//   PHOENIX_TEST_NEW_PASSWORD    what to set when the server demands a change; default ember-and-ash-2026
//   PHOENIX_TEST_LOOKS           how to look at each page, as "1280-light,390-dark"; default 1280 and 390, light and dark
//   PHOENIX_TEST_SHOTS           a directory for screenshots of each page; none are taken without it
//   CHROMIUM                     default /usr/bin/chromium
//
// The server looks at keys once a minute: the walk waits for that twice. It adds people, keys and a destination, and
// leaves them behind: run it against a fresh database.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
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
/** Seconds within which the server has looked again. */
const LOOK = 90;

const run = randomBytes(3).toString("hex");
const admin = { email: env("PHOENIX_TEST_ADMIN_EMAIL", "admin@localhost"), password: env("PHOENIX_TEST_ADMIN_PASSWORD", "admin") };
const member = { name: `Mo Member ${run}`, email: `mo-${run}@alerts.example`, password: "First_word_2026", role: "MEMBER" };
const viewer = { name: `Vi Viewer ${run}`, email: `vi-${run}@alerts.example`, password: "First_word_2026", role: "VIEWER" };
const keys = { stays: { name: `nightly-batch-${run}` }, ends: { name: `old-notebook-${run}` } };

const problems = [];
const got = [];
let browser;
let receiver;
let hook;
/** What the receiver answers with. */
let answer = 204;
let secret = "";

before(async () => {
  if (shots) mkdirSync(shots, { recursive: true });
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      got.push({ headers: request.headers, body });
      response.writeHead(answer).end();
    });
  });
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  hook = `http://127.0.0.1:${receiver.address().port}/hook`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  receiver?.close();
});

/** The browser reports refused calls; these are asked for on the way to the sign-in page, and a URL that is refused. */
const isExpected = (text, url) => (/status of 422/.test(text) && url.endsWith("/api/v1/alert-destinations")) || /status of 401/.test(text) && [/\/graphql$/, /\/auth\/refresh$/, /\/api\/v1\//].some((pattern) => pattern.test(url));
const open = (options) => openContext(browser, { ...options, origins: [new URL(base).origin], problems, isExpected });
const shot = async (page, name) => {
  if (shots) await page.screenshot({ path: join(shots, `alerts-${name}.png`) });
};

async function enter(person, options) {
  const context = await open(options);
  const page = await context.newPage();
  await signIn(page, base, person, newPassword);
  return { context, page };
}

function isSigned({ headers, body }, by) {
  const key = Buffer.from(by.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  return headers["webhook-signature"].split(" ").includes(`v1,${expected}`);
}

async function readSecret(page) {
  const once = page.getByRole("dialog", { name: "Copy this secret now" });
  const text = (await once.getByLabel("signing secret", { exact: true }).innerText()).trim();
  assert.match(text, /^whsec_[A-Za-z0-9+/]{43}=$/);
  await assertAccessible(page, "the secret shown once");
  await once.getByRole("button", { name: "I have copied it" }).click();
  await once.waitFor({ state: "detached" });
  assert.equal((await page.content()).includes(text), false);
  return text;
}

const panelOf = (page) => page.getByRole("dialog", { name: "Webhook" });

async function openPanel(page) {
  await page.goto(`${base}/settings/alerts?view=destinations`);
  await page.getByRole("table", { name: "Destinations" }).getByRole("button", { name: hook }).click();
  await panelOf(page).getByRole("region", { name: "Deliveries" }).waitFor();
  return panelOf(page);
}

test("an administrator sees that all is well, and makes people and keys that soon expire", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/alerts`);
  await page.getByText("All is well").waitFor();
  await assertAccessible(page, "no alerts");
  await shot(page, "empty");
  await page.getByRole("radio", { name: "Resolved" }).click();
  await page.getByText("Nothing is over yet").waitFor();
  await page.getByLabel("Kind").selectOption({ label: "Many errors" });
  await page.getByText("No alert is of this kind").waitFor();
  await page.getByRole("button", { name: "Show every kind" }).click();
  await page.getByText("Nothing is over yet").waitFor();
  for (const { name, email, password, role } of [member, viewer]) {
    const made = await page.request.post(`${base}/v1/users`, { data: { user: { username: name, email, password, role, auth_method: "LOCAL" }, send_welcome_email: false } });
    assert.equal(made.status(), 201, await made.text());
  }
  await context.close();
});

test("a webhook is added, tried, and its secret rotated", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/alerts?view=destinations`);
  await page.getByText("Nobody is told of alerts").waitFor();
  await page.getByRole("button", { name: "New destination" }).last().click();
  const dialog = page.getByRole("dialog", { name: "New destination" });
  await dialog.getByLabel("URL").fill("http://169.254.169.254/latest/meta-data");
  await dialog.getByRole("button", { name: "Add destination" }).click();
  await dialog.getByRole("alert").getByText("Webhooks do not go to this address").waitFor();
  await dialog.getByLabel("URL").fill(hook);
  for (const name of ["Not used", "Many errors", "New country"]) await dialog.getByRole("checkbox", { name }).uncheck();
  await assertAccessible(page, "the new destination dialog");
  await shot(page, "create");
  await dialog.getByRole("button", { name: "Add destination" }).click();
  const first = await readSecret(page);
  await panelOf(page).getByText("Expires soon, when raised and when over.").waitFor();
  await panelOf(page).getByText("It has not been told anything yet.").waitFor();

  answer = 503;
  await panelOf(page).getByRole("button", { name: "Send a test" }).click();
  await panelOf(page).getByText("The test failed. The answer was 503 Service Unavailable.").waitFor();
  answer = 204;
  await panelOf(page).getByRole("button", { name: "Send a test" }).click();
  await panelOf(page).getByText("The test was delivered: the answer was 204.").waitFor();
  await eventually(async () => assert.equal(await panelOf(page).getByRole("list", { name: "Deliveries" }).getByRole("listitem").count(), 2));
  assert.equal(got.length, 2);
  assert.ok(got.every((message) => isSigned(message, first) && JSON.parse(message.body).type === "alert.test"));

  await panelOf(page).getByRole("button", { name: "Rotate secret" }).click();
  const question = page.getByRole("dialog", { name: "Rotate the signing secret?" });
  await assertAccessible(page, "the question before rotating");
  await question.getByRole("button", { name: "Rotate secret" }).click();
  secret = await readSecret(page);
  assert.notEqual(secret, first);
  await panelOf(page).getByText(/^The signing secret before the present one works until/).waitFor();
  await panelOf(page).getByRole("button", { name: "Send a test" }).click();
  await eventually(async () => assert.equal(got.length, 3));
  assert.ok(isSigned(got[2], first) && isSigned(got[2], secret));
  await assertAccessible(page, "the panel of a destination");
  await shot(page, "destination");

  await panelOf(page).getByRole("button", { name: "Edit" }).click();
  const change = page.getByRole("dialog", { name: "Edit destination" });
  assert.equal(await change.getByLabel("URL").inputValue(), hook);
  assert.equal(await change.getByRole("checkbox", { name: "Not used" }).isChecked(), false);
  await change.getByRole("checkbox", { name: "Not used" }).check();
  await change.getByLabel("When").selectOption({ label: "When raised" });
  await assertAccessible(page, "the dialog that edits a destination");
  await change.getByRole("button", { name: "Save" }).click();
  await panelOf(page).getByText("Not used, Expires soon, when raised.").waitFor();
  await panelOf(page).getByRole("button", { name: "Edit" }).click();
  await change.getByRole("checkbox", { name: "Not used" }).uncheck();
  await change.getByLabel("When").selectOption({ label: "When raised and when over" });
  await change.getByRole("button", { name: "Save" }).click();
  await panelOf(page).getByText("Expires soon, when raised and when over.").waitFor();

  await panelOf(page).getByRole("button", { name: "Turn off" }).click();
  await panelOf(page).getByText("Turned off: it is told nothing.").waitFor();
  await panelOf(page).getByRole("button", { name: "Turn on" }).click();
  await panelOf(page).getByText("Expires soon, when raised and when over.").waitFor();
  await context.close();
});

test("keys that soon expire raise alerts, which are told", async () => {
  const { context, page } = await enter(admin);
  for (const key of Object.values(keys)) {
    const made = await page.request.post(`${base}/api/v1/api-keys`, { data: { name: key.name, kind: "system", role: "MEMBER", expiresAt: new Date(Date.now() + 86_400_000).toISOString() } });
    assert.equal(made.status(), 201, await made.text());
    key.id = (await made.json()).id;
  }
  const { length } = got;
  await eventually(async () => assert.equal(got.length, length + 2), LOOK);
  assert.ok(got.slice(length).every((message) => isSigned(message, secret)));
  assert.deepEqual(got.slice(length).map(({ body }) => JSON.parse(body).data.key.name).sort(), [keys.stays.name, keys.ends.name].sort());

  await page.goto(`${base}/settings/alerts`);
  const table = page.getByRole("table", { name: "Open alerts" });
  const row = table.getByRole("row").filter({ hasText: keys.stays.name });
  await row.getByText("Expires soon").waitFor();
  await row.getByText(/^Expires on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$/).waitFor();
  await row.getByRole("link", { name: keys.stays.name }).click();
  const panel = page.getByRole("dialog", { name: keys.stays.name });
  await panel.getByRole("list", { name: "Open alerts" }).getByText("Expires soon").waitFor();
  await assertAccessible(page, "the panel of a key with an alert");
  await shot(page, "key");
  assert.equal((await page.request.delete(`${base}/api/v1/api-keys/${keys.ends.id}`)).status(), 204);
  await context.close();
});

for (const look of looks) {
  test(`alerts suit ${look.width} px, ${look.theme}`, async () => {
    const { context, page } = await enter(admin, look);
    for (const [name, view] of [["open", ""], ["destinations", "?view=destinations"]]) {
      await page.goto(`${base}/settings/alerts${view}`);
      await page.getByRole("table").waitFor();
      await calm(page);
      await assertFits(page, name);
      await assertAccessible(page, `${name}, ${look.width} px, ${look.theme}`);
      await shot(page, `${name}-${look.width}-${look.theme}`);
    }
    await openPanel(page);
    await calm(page);
    await assertFits(page, "the panel of a destination");
    await assertAccessible(page, `the panel of a destination, ${look.width} px, ${look.theme}`);
    await shot(page, `panel-${look.width}-${look.theme}`);
    await context.close();
  });
}

for (const person of [member, viewer]) {
  test(`a ${person.role.toLowerCase()} sees no alerts of others`, async () => {
    const { context, page } = await enter(person);
    await page.goto(`${base}/settings/alerts`);
    await page.getByText("You do not have access").waitFor();
    await assertAccessible(page, "no access to alerts");
    assert.equal(await page.getByRole("link", { name: "Alerts" }).count(), 0);
    for (const path of ["alerts", "alert-destinations"]) {
      assert.equal((await page.request.get(`${base}/api/v1/${path}`)).status(), 403, path);
    }
    assert.equal((await page.request.get(`${base}/api/v1/api-keys/${keys.stays.id}/alerts`)).status(), 404);
    await context.close();
  });
}

test("the alert of a revoked key is over by itself, and that is told", async () => {
  const { context, page } = await enter(admin);
  await eventually(async () => assert.equal(JSON.parse(got.at(-1).body).type, "alert.resolved"), LOOK);
  await page.goto(`${base}/settings/alerts?view=resolved`);
  const row = page.getByRole("table", { name: "Resolved alerts" }).getByRole("row").filter({ hasText: keys.ends.name });
  await row.getByText(/^The key was revoked; since /).waitFor();
  await calm(page);
  await assertAccessible(page, "resolved alerts");
  await shot(page, "resolved");
  await context.close();
});

test("what cannot be loaded can be loaded again", async () => {
  const { context, page } = await enter(admin);
  const isBroken = (url) => url.pathname.endsWith("/api/v1/alerts");
  await page.route(isBroken, (route) => route.fulfill({ status: 200, contentType: "application/json", body: "{" }));
  await page.goto(`${base}/settings/alerts`);
  await page.getByRole("alert").waitFor();
  await page.unroute(isBroken);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("table", { name: "Open alerts" }).waitFor();
  await context.close();
});

test("a destination is removed, and the audit log says so", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page);
  await panel.getByRole("button", { name: "Remove" }).click();
  const question = page.getByRole("alertdialog", { name: "Remove this destination?" });
  await assertAccessible(page, "the question before removing");
  await question.getByRole("button", { name: "Remove destination" }).click();
  await page.getByText("Nobody is told of alerts").waitFor();
  await page.goto(`${base}/settings/audit-log?action=alert_destination`);
  const entries = page.getByRole("table", { name: "What was done" });
  for (const words of ["created", "tested", "rotated", "changed", "deleted"]) await entries.getByText(`Alert destination ${words}`).first().waitFor();
  await context.close();
});

test("nothing was refused, and nothing asked of other sites", () => {
  assert.deepEqual(problems, []);
});
