// What people say of a span, in the page of its trace. Against a running server with authentication that serves web/dist.
//
//   PHOENIX_TEST_BASE_URL        address of the server with its prefix, e.g. http://127.0.0.1:6006/sub   (required)
//   PHOENIX_TEST_ADMIN_EMAIL     default admin@localhost
//   PHOENIX_TEST_ADMIN_PASSWORD  default admin
//   PHOENIX_TEST_NEW_PASSWORD    what to set when the server demands a change; default ember-and-ash-2026
//   PHOENIX_TEST_LOOKS           how to look at the page, as "1280-light,390-dark"; default 1280 and 390, light and dark
//   PHOENIX_TEST_SHOTS           a directory for screenshots; none are taken without it
//   CHROMIUM                     default /usr/bin/chromium
//
// The walk adds a project, a person and annotations, and leaves them behind.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAccessible, assertFits, calm, env, launch, openContext, signIn } from "./support.mjs";

const base = env("PHOENIX_TEST_BASE_URL").replace(/\/$/, "");
const newPassword = env("PHOENIX_TEST_NEW_PASSWORD", "ember-and-ash-2026");
const shots = process.env.PHOENIX_TEST_SHOTS;
const looks = env("PHOENIX_TEST_LOOKS", "1280-light,390-light,1280-dark,390-dark")
  .split(",")
  .map((look) => look.split("-"))
  .map(([width, theme]) => ({ width: Number(width), theme }));

const run = randomBytes(3).toString("hex");
const admin = { email: env("PHOENIX_TEST_ADMIN_EMAIL", "admin@localhost"), password: env("PHOENIX_TEST_ADMIN_PASSWORD", "admin") };
const viewer = { name: `Vi Viewer ${run}`, email: `vi-${run}@notes.example`, password: "First_word_2026" };
const project = `notes-${run}`;
const traceId = randomBytes(16).toString("hex");
const spanId = randomBytes(8).toString("hex");

const problems = [];
let browser;

before(async () => {
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

const isExpected = (text, url) => /status of 401/.test(text) && [/\/graphql$/, /\/auth\/refresh$/].some((pattern) => pattern.test(url));
const open = (options) => openContext(browser, { ...options, origins: [new URL(base).origin], problems, isExpected });

/** Asks the API with the cookies of a page. */
async function ask(page, path, body) {
  const response = await page.request.post(`${base}${path}`, { data: body, headers: { origin: new URL(base).origin } });
  assert.ok(response.ok(), `${path}: ${response.status()} ${await response.text()}`);
  return response.json();
}

async function openSpan(page, projectId) {
  await page.goto(`${base}/projects/${projectId}/traces/${traceId}?span=${spanId}&tab=annotations`);
  await page.getByRole("heading", { name: "Annotations" }).waitFor();
  await calm(page);
}

test("people annotate a span and write notes beside it", async () => {
  const context = await open({});
  const page = await context.newPage();
  await signIn(page, base, admin, newPassword);
  const made = await ask(page, "/v1/projects", { name: project });
  await ask(page, "/v1/users", { user: { email: viewer.email, username: viewer.name, role: "VIEWER", auth_method: "LOCAL", password: viewer.password }, send_welcome_email: false });
  const start = String(BigInt(Date.now()) * 1_000_000n);
  await ask(page, "/v1/traces", {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "openinference.project.name", value: { stringValue: project } }] },
        scopeSpans: [{ spans: [{ traceId, spanId, name: "answer", kind: 1, startTimeUnixNano: start, endTimeUnixNano: start }] }],
      },
    ],
  });
  const said = { span_id: spanId, name: "correctness", annotator_kind: "LLM", result: { label: "correct", score: 0.9375, explanation: "It says what the document says." } };
  await ask(page, "/v1/span_annotations?sync=true", { data: [said] });

  await openSpan(page, made.data.id);
  await page.getByText("It says what the document says.").waitFor();
  await page.getByRole("button", { name: "Annotate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("tone");
  await dialog.getByRole("button", { name: "Annotate" }).click();
  await dialog.getByText("Give a label, a score or an explanation.").waitFor();
  await dialog.getByLabel("Label").fill("friendly");
  await dialog.getByLabel("Score").fill("0,5");
  await dialog.getByRole("button", { name: "Annotate" }).click();
  await dialog.waitFor({ state: "detached" });
  const list = page.getByRole("region", { name: "Annotations" });
  await list.getByText("friendly").waitFor();
  await page.getByRole("button", { name: "Change tone" }).click();
  await dialog.getByLabel("Label").fill("warm");
  await dialog.getByRole("button", { name: "Save" }).click();
  await list.getByText("warm").waitFor();
  assert.equal(await list.getByText("friendly").count(), 0);

  const thread = page.getByRole("region", { name: "Notes" });
  for (const text of ["The second document is out of date.", "Asked the owner to renew it."]) {
    await thread.getByLabel("Add a note").fill(text);
    await thread.getByRole("button", { name: "Add note" }).click();
    await thread.getByRole("listitem").getByText(text).waitFor();
  }
  await page.getByRole("tab", { name: "Annotations 4" }).waitFor();
  await thread.getByRole("button", { name: "Delete note" }).first().click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await thread.getByText("The second document is out of date.").waitFor({ state: "detached" });
  await context.close();

  for (const { width, theme } of looks) {
    const where = `annotations at ${width}, ${theme}`;
    const looking = await open({ width, theme });
    const seen = await looking.newPage();
    await signIn(seen, base, admin, newPassword);
    await openSpan(seen, made.data.id);
    await assertFits(seen, where);
    await assertAccessible(seen, where);
    if (shots) await seen.screenshot({ path: join(shots, `annotations-${width}-${theme}.png`) });
    await seen.getByRole("button", { name: "Annotate" }).click();
    await seen.getByRole("dialog").waitFor();
    await assertFits(seen, `${where}, dialog`);
    await assertAccessible(seen, `${where}, dialog`);
    if (shots) await seen.screenshot({ path: join(shots, `annotation-dialog-${width}-${theme}.png`) });
    await looking.close();
  }

  const reading = await open({});
  const read = await reading.newPage();
  await signIn(read, base, viewer, "Second_word_2026");
  await openSpan(read, made.data.id);
  await read.getByText("warm").waitFor();
  for (const name of ["Annotate", "Add note", "Change tone", "Delete tone"]) assert.equal(await read.getByRole("button", { name }).count(), 0, name);
  await reading.close();
  assert.deepEqual(problems, []);
});
