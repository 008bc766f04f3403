// People: users, roles, sessions, passwords and keys, as an administrator, a member and a viewer see them. Against a
// running server with authentication that serves web/dist.
//
//   PHOENIX_TEST_BASE_URL          address of the server with its prefix, e.g. http://127.0.0.1:6006/sub   (required)
//   PHOENIX_TEST_OPEN_BASE_URL     the same of a server without authentication                              (required)
//   PHOENIX_TEST_LIMITED_BASE_URL  the same of a fresh server that limits how often somebody may knock      (required)
//   PHOENIX_TEST_ADMIN_EMAIL       an administrator, a member and a viewer who have not signed in yet       (required)
//   PHOENIX_TEST_MEMBER_EMAIL
//   PHOENIX_TEST_VIEWER_EMAIL
//   PHOENIX_TEST_FIRST_PASSWORD    the first password of the administrator and the viewer; the member has none (required)
//   PHOENIX_TEST_MAILS             a directory in which each mail of the first server becomes a file of JSON, the names
//                                  in order: whom it is `to`, its `subject`, and its `links` by their ids   (required)
//   PHOENIX_TEST_NEW_PASSWORD      what to set when the server demands a change; default ember-and-ash-2026
//   PHOENIX_TEST_LOOKS             how to look at each page, as "1280-light,390-dark"; default 1280 and 390, light and dark
//   PHOENIX_TEST_SHOTS             a directory for screenshots of each page; none are taken without it
//   CHROMIUM                       default /usr/bin/chromium
//
// tests/clients/test_people.py starts all this. The walk adds a member and a viewer and deletes them again. It signs in
// some twenty times within a minute: the first server has to be told to bear that (PHOENIX_DISABLE_RATE_LIMIT=true).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAccessible, assertFits, calm, env, eventually, fillSignIn, launch, openContext, signIn } from "./support.mjs";

const base = env("PHOENIX_TEST_BASE_URL").replace(/\/$/, "");
const newPassword = env("PHOENIX_TEST_NEW_PASSWORD", "ember-and-ash-2026");
const shots = process.env.PHOENIX_TEST_SHOTS;
const looks = env("PHOENIX_TEST_LOOKS", "1280-light,390-light,1280-dark,390-dark")
  .split(",")
  .map((look) => look.split("-"))
  .map(([width, theme]) => [Number(width), theme]);

const run = randomBytes(3).toString("hex");
const firstPassword = env("PHOENIX_TEST_FIRST_PASSWORD");
const admin = { role: "Admin", email: env("PHOENIX_TEST_ADMIN_EMAIL"), password: firstPassword };
const member = { role: "Member", name: `Mo Member ${run}`, email: `mo-${run}@people.example`, password: null };
const viewer = { role: "Viewer", name: `Vi Viewer ${run}`, email: `vi-${run}@people.example`, password: "Vi_first_word_2026" };

/** They are there before the walk begins, and a mail is on its way to each. */
const welcomed = { role: "Member", email: env("PHOENIX_TEST_MEMBER_EMAIL"), password: null };
const forgetful = { role: "Viewer", email: env("PHOENIX_TEST_VIEWER_EMAIL"), password: firstPassword };

const openBase = env("PHOENIX_TEST_OPEN_BASE_URL").replace(/\/$/, "");
const limitedBase = env("PHOENIX_TEST_LIMITED_BASE_URL").replace(/\/$/, "");
const mails = env("PHOENIX_TEST_MAILS");
const origins = [base, openBase, limitedBase].map((address) => new URL(address).origin);
const problems = [];
let browser;

/** The browser reports each refused call; these are refusals that the walk asks for. */
const expectedRefusals = [/\/graphql$/, /\/auth\/refresh$/, /\/auth\/login$/, /\/auth\/password-reset$/, /\/api\/v1\/api-keys(\?kind=user&.*)?$/];

before(async () => {
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

function isExpected(text, url) {
  return /status of (401|429)/.test(text) && expectedRefusals.some((pattern) => pattern.test(url));
}

const open = (options) => openContext(browser, { ...options, origins, problems, isExpected });

/** The links of the latest mail to somebody with such a subject, once it has arrived and is newer than `after`. */
async function mailTo(person, subject, after = "") {
  for (let left = 200; ; left -= 1) {
    const names = readdirSync(mails).filter((name) => name.endsWith(".json") && name > after).sort().reverse();
    for (const name of names) {
      const mail = JSON.parse(readFileSync(join(mails, name), "utf8"));
      if (mail.to === person.email && subject.test(mail.subject)) return { ...mail.links, name };
    }
    assert.notEqual(left, 0, `no mail to ${person.email}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const path = (page) => page.url().slice(base.length);
const shot = async (page, name) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
};

async function enter(person, options) {
  const context = await open(options);
  const page = await context.newPage();
  await signIn(page, base, person, newPassword);
  return { context, page };
}

const row = (page, person) => page.getByRole("table", { name: "Users" }).getByRole("row").filter({ hasText: person.name ?? person.email });

async function openPanel(page, person) {
  await page.goto(`${base}/settings/users`);
  await page.getByLabel("Search users").fill(person.email);
  await row(page, person).getByRole("link").click();
  const panel = page.getByRole("dialog");
  await panel.getByRole("region", { name: "Access" }).waitFor();
  return panel;
}

async function closeDialog(page, button) {
  await page.getByRole("button", { name: button }).click();
  // Another dialog, over which it lay, may be leaving still.
  await eventually(async () => assert.equal(await page.getByRole("dialog").count(), 0));
}

/** Revokes a key of one's own: in its panel, or in the list where the server knows no more of it than its name. */
async function revokeKey(page, name) {
  const link = page.getByRole("table", { name: "Your API keys" }).getByRole("link", { name });
  const button = page.getByRole("button", { name: `Revoke ${name}` });
  await link.or(button).waitFor();
  if (await link.count()) {
    await link.click();
    await page.getByRole("dialog", { name }).getByRole("button", { name: "Revoke key" }).click();
  } else await button.click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke key" }).click();
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  if (await page.getByRole("dialog", { name }).count()) await closeDialog(page, "Close");
  await page.getByText("You have no keys yet").waitFor();
}

const sessionDialog = (page) => page.getByRole("dialog", { name: "Your session has ended" });

test("an administrator signs in", async () => {
  const { context } = await enter(admin);
  await context.close();
});

test("an administrator adds people, with a generated password and with a typed one", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/users`);
  for (const person of [member, viewer]) {
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog", { name: "New user" });
    await dialog.getByLabel("Name", { exact: true }).fill(person.name);
    await dialog.getByLabel("E-mail").fill(person.email);
    await dialog.getByRole("radio", { name: person.role }).check();
    const welcome = dialog.getByLabel("Send a welcome mail");
    if (await welcome.count()) await welcome.uncheck();
    if (person.password !== null) {
      await dialog.getByRole("radio", { name: "Type one" }).check();
      await dialog.getByLabel("Password", { exact: true }).fill("x");
      assert.equal(await dialog.getByRole("button", { name: "Add user" }).isDisabled(), true);
      await dialog.getByLabel("Password", { exact: true }).fill(person.password);
    }
    await assertAccessible(page, "the new user dialog");
    await shot(page, `new-user-${person.role}`);
    await dialog.getByRole("button", { name: "Add user" }).click();
    if (person.password === null) {
      const once = page.getByRole("dialog", { name: `The password of ${person.name}` });
      person.password = (await once.getByLabel("password", { exact: true }).innerText()).trim();
      assert.match(person.password, /^[a-zA-Z0-9]{5}(_[a-zA-Z0-9]{5}){3}$/);
      await assertAccessible(page, "the password shown once");
      await shot(page, "password-once");
      await once.getByRole("button", { name: "I have copied it" }).click();
    }
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await row(page, person).getByText("Must change password").waitFor();
  }
  await page.getByRole("button", { name: "New user" }).click();
  const again = page.getByRole("dialog", { name: "New user" });
  await again.getByLabel("Name", { exact: true }).fill(`Somebody else ${run}`);
  await again.getByLabel("E-mail").fill(member.email);
  await again.getByRole("button", { name: "Add user" }).click();
  await again.getByRole("alert").waitFor();
  await context.close();
});

for (const person of [member, viewer]) {
  test(`a new ${person.role.toLowerCase()} has to choose a password first`, async () => {
    const context = await open();
    const page = await context.newPage();
    await page.goto(`${base}/login`);
    await fillSignIn(page, person);
    await page.waitForURL(`${base}/reset-password`);
    await assertAccessible(page, "/reset-password");
    await signIn(page, base, person, newPassword);
    assert.equal(person.password, newPassword);
    await context.close();
  });
}

const pages = ["/settings/general", "/settings/users", "/settings/api-keys", "/profile/account", "/profile/api-keys", "/profile/sessions", "/profile/preferences"];

for (const person of [admin, member, viewer]) {
  for (const [width, theme] of looks) {
    test(`every page suits a ${person.role.toLowerCase()} at ${width} px, ${theme}`, async () => {
      const { context, page } = await enter(person, { width, theme });
      for (const address of pages) {
        await page.goto(`${base}${address}`);
        await page.getByRole("heading", { level: 2 }).first().waitFor();
        await calm(page);
        assert.equal(path(page), address);
        await assertFits(page, address);
        await assertAccessible(page, `${address} as ${person.role}`);
        await shot(page, `${person.role}-${width}-${theme}${address.replaceAll("/", "-")}`);
        const forbidden = person !== admin && /users|settings\/api-keys/.test(address);
        assert.equal(await page.getByText("You do not have access").count(), forbidden ? 1 : 0, address);
        if (forbidden) await page.getByText("managed by administrators").waitFor();
      }
      await page.goto(`${base}/settings`);
      await page.waitForURL(`${base}/settings/general`);
      await page.getByRole("heading", { level: 2, name: "General" }).waitFor();
      assert.equal(await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Users" }).count(), person === admin ? 1 : 0);
      if (person === admin) {
        await openPanel(page, member);
        await calm(page);
        await assertFits(page, "the panel of a user");
        await assertAccessible(page, "the panel of a user");
        await shot(page, `${person.role}-${width}-${theme}-panel`);
        await page.getByRole("dialog").getByRole("region", { name: "Access" }).scrollIntoViewIfNeeded();
        await shot(page, `${person.role}-${width}-${theme}-panel-end`);
      }
      await context.close();
    });
  }
}

for (const [width, theme] of [[1280, "light"], [390, "dark"]]) {
  test(`the pages before the sign-in are in order at ${width} px, ${theme}`, async () => {
    const context = await open({ width, theme });
    const page = await context.newPage();
    for (const [address, heading] of [
      ["/login", "Sign in"],
      ["/forgot-password", "Forgot your password?"],
      ["/reset-password-with-token?token=not-one", "Choose a new password"],
      ["/reset-password-with-token", "This link no longer works"],
    ]) {
      await page.goto(`${base}${address}`);
      await page.getByRole("heading", { name: heading }).waitFor();
      await calm(page);
      await assertFits(page, address);
      await assertAccessible(page, address);
      await shot(page, `before-${width}-${theme}${address.replaceAll(/[/?=]/g, "-")}`);
    }
    await context.close();
  });
}

async function askForLink(page, email) {
  await page.goto(`${base}/login`);
  await page.getByRole("link", { name: "Forgot password?" }).click();
  // The page that is left has such a field, too.
  await page.getByRole("heading", { name: "Forgot your password?" }).waitFor();
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Send the link" }).click();
}

async function choosePassword(page, link, password) {
  assert.ok(link.startsWith(`${base}/reset-password-with-token?token=`), link);
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password, again").fill(password);
  await page.getByRole("button", { name: "Set password" }).click();
}

test("a welcome mail opens the door, once", async () => {
  const context = await open();
  const page = await context.newPage();
  const links = await mailTo(welcomed, /Welcome/);
  assert.equal(links["login-url"], `${base}/login`);
  await choosePassword(page, links["reset-url"], newPassword);
  await page.getByText("Your password was changed").waitFor();
  assert.equal(path(page), "/login");
  welcomed.password = newPassword;
  await fillSignIn(page, welcomed);
  await page.waitForURL(`${base}/projects`);
  await choosePassword(page, links["reset-url"], "another-word-2026");
  await page.getByRole("heading", { name: "This link no longer works" }).waitFor();
  await page.getByRole("link", { name: "Send me a new link" }).waitFor();
  await shot(page, "link-spent");
  await context.close();
});

test("a forgotten password is replaced by mail, and ends the sessions of whoever knew it", async () => {
  const { name: latest, ...links } = await mailTo(forgetful, /Welcome/);
  assert.deepEqual(links, { "login-url": `${base}/login` }, "who is told a password needs no link to choose one");
  const there = await enter(forgetful);
  await there.page.goto(`${base}/profile/account`);
  await there.page.getByLabel("Username").waitFor();
  const context = await open({ width: 390, theme: "dark" });
  const page = await context.newPage();
  await askForLink(page, forgetful.email.toUpperCase());
  await page.getByRole("heading", { name: "Look at your mail" }).waitFor();
  const reset = await mailTo(forgetful, /Password Reset/, latest);
  forgetful.password = "remembered-word-2026";
  await choosePassword(page, reset["reset-url"], forgetful.password);
  await page.getByText("Your password was changed").waitFor();
  await fillSignIn(page, forgetful);
  await page.waitForURL(`${base}/projects`);
  await there.page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "Sessions" }).click();
  await sessionDialog(there.page).waitFor();
  await there.context.close();
  await context.close();
});

test("who asks for a new password learns nothing about others", async () => {
  const context = await open();
  const page = await context.newPage();
  await askForLink(page, `nobody-${run}@people.example`);
  await page.getByRole("heading", { name: "Look at your mail" }).waitFor();
  await page.getByText(/belongs to an account/).waitFor();
  await assertAccessible(page, "the answer to a forgotten password");
  await shot(page, "forgot-asked");
  await context.close();
});

test("the rules about one's own account and the last administrator are told beforehand", async () => {
  const { context, page } = await enter(admin);
  const panel = await openPanel(page, admin);
  for (const role of ["Admin", "Member", "Viewer"]) assert.equal(await panel.getByRole("radio", { name: role }).isDisabled(), true);
  await panel.getByText("Nobody changes their own role").waitFor();
  await panel.getByText("Nobody deactivates themselves").waitFor();
  for (const name of ["Deactivate", "Reset password", "Delete user"]) assert.equal(await panel.getByRole("button", { name }).isDisabled(), true);
  await shot(page, "panel-own");
  await context.close();
});

test("a panel closes with Escape and with the back button, and the focus goes back to its row", async () => {
  const { context, page } = await enter(admin);
  await page.goto(`${base}/settings/users?q=${encodeURIComponent(member.email)}`);
  const link = row(page, member).getByRole("link");
  await link.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: member.name }).waitFor();
  assert.match(path(page), /^\/settings\/users\/[^?]+\?q=/);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(async () => assert.equal(await link.evaluate((element) => element === document.activeElement), true));

  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: member.name }).waitFor();
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.getByLabel("Search users").inputValue(), member.email);

  await page.goForward();
  const panel = page.getByRole("dialog", { name: member.name });
  await panel.getByRole("region", { name: "Access" }).waitFor();
  await panel.getByLabel("Name", { exact: true }).fill("typed by mistake");
  await page.keyboard.press("Escape");
  assert.equal(await panel.getByLabel("Name", { exact: true }).inputValue(), "typed by mistake");
  await panel.getByRole("button", { name: "Discard" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await context.close();
});

for (const person of [member, viewer]) {
  test(`a ${person.role.toLowerCase()} makes a key, sees it once, and revokes it`, async () => {
    const { context, page } = await enter(person);
    await page.goto(`${base}/profile/api-keys`);
    await page.getByRole("button", { name: "New key" }).click();
    const dialog = page.getByRole("dialog", { name: "New key of your own" });
    await dialog.getByLabel("Name").fill("notebook");
    await dialog.getByLabel("Lifetime").selectOption({ label: "7 days" });
    await assertAccessible(page, "the new key dialog");
    await dialog.getByRole("button", { name: "Create key" }).click();
    const once = page.getByRole("dialog", { name: "Copy this key now" });
    const key = (await once.getByLabel("key", { exact: true }).innerText()).trim();
    assert.ok(key.length > 20);
    const trace = once.getByText("Send a first trace with it");
    if (await trace.count()) await trace.click();
    assert.ok((await once.getByLabel("curl", { exact: true }).or(once.getByRole("tabpanel")).first().innerText()).includes(key));
    await assertAccessible(page, "the key shown once");
    await shot(page, `key-once-${person.role}`);
    await closeDialog(page, "I have copied it");
    assert.equal((await page.content()).includes(key), false);
    await revokeKey(page, "notebook");
    await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement?.id), "main"));
    await context.close();
  });
}

test("a session that ends in mid-work is asked for over the page, and what was typed is done", async () => {
  const { context, page } = await enter(member);
  await page.goto(`${base}/profile/api-keys`);
  await page.getByRole("button", { name: "New key" }).click();
  const form = page.getByRole("dialog", { name: "New key of your own" });
  await form.getByLabel("Name").fill("half-typed");
  await form.getByLabel("Description").fill("and still there");
  await context.clearCookies();
  await form.getByRole("button", { name: "Create key" }).click();

  const dialog = sessionDialog(page);
  await dialog.waitFor();
  await assertAccessible(page, "the session dialog");
  await shot(page, "session-dialog");
  assert.equal(await dialog.getByLabel("E-mail").inputValue(), member.email);
  await eventually(async () => assert.equal(await dialog.getByLabel("Password").evaluate((element) => element === document.activeElement), true));
  await page.keyboard.press("Escape");
  await dialog.waitFor();
  await fillSignIn(dialog, { ...member, password: "certainly-not-it" });
  await dialog.getByRole("alert").waitFor();
  await fillSignIn(dialog, member);
  await page.getByRole("dialog", { name: "Copy this key now" }).waitFor();
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null), true));
  await closeDialog(page, "I have copied it");
  const typed = page.getByRole("row").filter({ hasText: "half-typed" });
  const link = typed.getByRole("link");
  await typed.waitFor();
  if (await link.count()) await link.click();
  await page.getByText("and still there").filter({ visible: true }).first().waitFor();
  if (await link.count()) await closeDialog(page, "Close");
  await revokeKey(page, "half-typed");

  await context.clearCookies();
  await page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "Sessions" }).click();
  await dialog.getByRole("button", { name: "Go to the sign-in page" }).click();
  await page.waitForURL(`${base}/login?*`);
  assert.equal(new URL(page.url()).searchParams.get("returnUrl"), "/profile/sessions");
  await context.close();
});

test("another person who signs in over the page sees their own", async () => {
  const { context, page } = await enter(member);
  await page.goto(`${base}/profile/account`);
  await page.getByLabel("Username").waitFor();
  await context.clearCookies();
  await page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "API keys" }).click();
  await fillSignIn(sessionDialog(page), viewer);
  await page.getByRole("button", { name: `Account of ${viewer.name}` }).waitFor();
  await sessionDialog(page).waitFor({ state: "detached" });
  await context.close();
});

test("what happens in one tab is known in the other", async () => {
  const { context, page: one } = await enter(member);
  const two = await context.newPage();
  for (const page of [one, two]) {
    await page.goto(`${base}/profile/account`);
    await page.getByLabel("Username").waitFor();
  }
  await context.clearCookies();
  for (const page of [one, two]) {
    await page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "Sessions" }).click();
    await sessionDialog(page).waitFor();
  }
  await fillSignIn(sessionDialog(two), member);
  for (const page of [one, two]) {
    await sessionDialog(page).waitFor({ state: "detached" });
    await page.getByText("This session", { exact: true }).waitFor();
  }
  await one.getByRole("button", { name: /^Account of/ }).click();
  await one.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await one.waitForURL(`${base}/login`);
  await two.waitForURL(`${base}/login?*`);
  await context.close();
});

test("signing out ends this session, or all of them", async () => {
  const here = await enter(viewer);
  const there = await enter(viewer);
  await there.page.goto(`${base}/profile/account`);
  await here.page.getByRole("button", { name: /^Account of/ }).click();
  await here.page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await here.page.waitForURL(`${base}/login`);
  await there.page.goto(`${base}/profile/sessions`);
  await there.page.getByText("This session", { exact: true }).waitFor();

  await signIn(here.page, base, viewer, newPassword);
  await here.page.goto(`${base}/profile/account`);
  await here.page.getByLabel("Username").waitFor();
  await there.page.getByRole("button", { name: /^Account of/ }).click();
  await shot(there.page, "user-menu");
  await there.page.getByRole("menuitem", { name: "Sign out everywhere" }).click();
  await assertAccessible(there.page, "the question before signing out everywhere");
  await there.page.getByRole("alertdialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await there.page.waitForURL(`${base}/login`);
  await here.page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "Sessions" }).click();
  await sessionDialog(here.page).waitFor();
  await here.context.close();
  await there.context.close();
});

test("a session can be ended from another one", async () => {
  const { context, page } = await enter(viewer);
  const other = await enter(viewer);
  await other.page.goto(`${base}/profile/account`);
  await other.page.getByLabel("Username").waitFor();
  await page.goto(`${base}/profile/sessions`);
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: /^End session/ }).click();
  await eventually(async () => assert.equal(await page.getByRole("list", { name: "Your sessions" }).getByRole("listitem").count(), 1));
  await page.getByText("This session", { exact: true }).waitFor();
  await other.page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "API keys" }).click();
  await sessionDialog(other.page).getByText("ended from elsewhere").waitFor();
  await fillSignIn(sessionDialog(other.page), viewer);
  await other.page.getByText("You have no keys yet").waitFor();
  assert.equal(path(other.page), "/profile/api-keys");
  await context.close();
  await other.context.close();
});

test("times are shown in the zone that was chosen", async () => {
  const { context, page } = await enter(viewer);
  await page.goto(`${base}/profile/preferences`);
  await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
  await page.getByText(/GMT\+9/).waitFor();
  await page.reload();
  assert.equal(await page.getByLabel("Time zone").inputValue(), "Asia/Tokyo");
  await page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name: "Sessions" }).click();
  assert.match((await page.locator("[title*='GMT+9']").first().getAttribute("title")) ?? "", /GMT\+9/);
  await context.close();
});

test("a new role, a reset password and deactivation take effect at once", async () => {
  const { context, page } = await enter(admin);
  const theirs = await enter(member);
  await theirs.page.goto(`${base}/profile/account`);
  await theirs.page.getByLabel("Username").waitFor();
  const goOn = (name) => theirs.page.getByRole("navigation", { name: "Profile" }).getByRole("link", { name }).click();

  const panel = await openPanel(page, member);
  await panel.getByRole("radio", { name: "Viewer" }).check();
  await panel.getByText(/signs .* out everywhere/).waitFor();
  await panel.getByRole("button", { name: "Save changes" }).click();
  await page.getByText(`${member.name} was changed.`).waitFor();
  await goOn("API keys");
  await fillSignIn(sessionDialog(theirs.page), member);
  await sessionDialog(theirs.page).waitFor({ state: "detached" });

  await panel.getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Deactivate" }).click();
  await panel.getByRole("button", { name: "Reactivate" }).waitFor();
  await goOn("Sessions");
  await sessionDialog(theirs.page).getByText(/an administrator who changed your account|was deactivated/).waitFor();
  await fillSignIn(sessionDialog(theirs.page), member);
  await sessionDialog(theirs.page).getByRole("alert").getByText("or the account is deactivated").waitFor();
  await shot(theirs.page, "deactivated-meanwhile");
  const fresh = await theirs.context.newPage();
  await fresh.goto(`${base}/settings/general`);
  await fresh.waitForURL(`${base}/login?*`);
  await fillSignIn(fresh, member);
  await fresh.getByRole("alert").getByText("or the account is deactivated").waitFor();
  await fresh.close();
  await panel.getByRole("button", { name: "Reactivate" }).click();
  await panel.getByRole("button", { name: "Deactivate" }).waitFor();

  await panel.getByRole("button", { name: "Reset password" }).click();
  await assertAccessible(page, "the question before a reset");
  await page.getByRole("alertdialog").getByRole("button", { name: "Reset password" }).click();
  const once = page.getByRole("dialog", { name: `The password of ${member.name}` });
  member.password = (await once.getByLabel("password", { exact: true }).innerText()).trim();
  await once.getByRole("button", { name: "I have copied it" }).click();
  await fillSignIn(sessionDialog(theirs.page), member);
  await theirs.page.waitForURL(`${base}/reset-password`);
  await context.close();
  await theirs.context.close();
});

test("deleting somebody says what goes and what stays", async () => {
  const { context, page } = await enter(admin);
  for (const person of [member, viewer]) {
    const panel = await openPanel(page, person);
    await panel.getByRole("button", { name: "Delete user" }).click();
    const question = page.getByRole("alertdialog", { name: `Delete ${person.name}?` });
    await question.getByText("Goes with it").waitFor();
    await question.getByText("Stays").waitFor();
    await assertAccessible(page, "the question before deleting");
    await shot(page, "delete-user");
    await question.getByRole("button", { name: "Delete user" }).click();
    await page.getByText(`${person.name} was deleted.`).waitFor();
    await page.getByText(`Nobody matches “${person.email}”`).or(page.getByRole("table", { name: "Users" })).first().waitFor();
    await eventually(async () => assert.equal(await row(page, person).count(), 0));
  }
  await context.close();
});

test("addresses of old lead somewhere", async () => {
  const { context, page } = await enter(admin);
  for (const [from, to] of [
    ["/profile", "/profile/account"],
    ["/profile/apps", "/profile/sessions"],
    ["/profile/accessibility", "/profile/preferences"],
    ["/profile/nowhere", "/profile/account"],
    ["/settings/models", "/settings/general"],
    ["/settings/data/policies/1", "/settings/general"],
    ["/logout", "/login"],
  ]) {
    await page.goto(`${base}${from}`);
    await page.waitForURL(`${base}${to}`);
  }
  await page.goto(`${base}/settings/users/${encodeURIComponent("VXNlcjo5OTk5OTk=")}`);
  await page.getByText("There is no such user").waitFor();
  await context.close();
});

test("without authentication there is nobody, and the pages say so", async () => {
  for (const [width, theme] of [[1280, "dark"], [390, "light"]]) {
    const context = await open({ width, theme });
    const page = await context.newPage();
    for (const [address, arrived, text] of [
      ["/profile", "/profile/preferences", "Kept in this browser"],
      ["/profile/account", "/profile/preferences", "Kept in this browser"],
      ["/settings/users", "/settings/users", "Authentication is off"],
      ["/settings/api-keys", "/settings/api-keys", "Keys exist only"],
      ["/settings", "/settings/general", "whoever reaches this server"],
    ]) {
      await page.goto(`${openBase}${address}`);
      await page.waitForURL(`${openBase}${arrived}`);
      await page.getByText(text).waitFor();
      await calm(page);
      await assertFits(page, address);
      await assertAccessible(page, `${address} without authentication`);
      await shot(page, `open-${width}-${theme}${address.replaceAll("/", "-")}`);
    }
    if (width < 800) await page.getByRole("button", { name: "Open navigation" }).click();
    await page.getByRole("link", { name: "Preferences" }).first().waitFor();
    assert.equal(await page.getByRole("button", { name: /^Account of/ }).count(), 0);
    await context.close();
  }
});

test("who tries too often is told how long to wait, and sees the seconds go by", async () => {
  const context = await open();
  const page = await context.newPage();
  const timer = page.getByRole("timer");
  const button = page.getByRole("button", { name: "Sign in", exact: true });
  const refusedAs = async (email) => {
    const answered = page.waitForResponse(/\/auth\/login$/);
    await fillSignIn(page, { email, password: "certainly-not-it" });
    const status = (await answered).status();
    await page.getByRole("alert").waitFor();
    return status === 429;
  };

  await page.goto(`${limitedBase}/login`);
  assert.equal(await page.getByRole("link", { name: "Forgot password?" }).count(), 0);
  for (let i = 0; i < 5; i += 1) assert.equal(await refusedAs(`locked-${run}@people.example`), false);
  assert.equal(await refusedAs(`locked-${run}@people.example`), true);
  await timer.getByText("Try again in 5 minutes").waitFor();
  assert.equal(await button.isDisabled(), true);
  await assertAccessible(page, "the sign-in page that asks for patience");
  await shot(page, "wait-minutes");

  await page.reload();
  for (let i = 0; !(await refusedAs(`nobody-${i}-${run}@people.example`)); i += 1) assert.ok(i < 30, "no limit");
  assert.match(await timer.innerText(), /Try again in \d seconds?/);
  assert.equal(await button.isDisabled(), true);
  await shot(page, "wait-seconds");
  await timer.getByText("in 1 second.").waitFor();
  await timer.getByText("Try again now").waitFor();
  assert.equal(await button.isDisabled(), false);
  for (let left = 10; path({ url: () => page.url().replace(limitedBase, base) }) !== "/reset-password"; left -= 1) {
    assert.notEqual(left, 0, "still waiting");
    const answered = page.waitForResponse(/\/auth\/login$/);
    await fillSignIn(page, { email: "admin@localhost", password: "admin" });
    if ((await answered).status() === 204) await page.waitForURL(`${limitedBase}/reset-password`);
    else await timer.getByText("Try again now").waitFor();
  }
  await context.close();
});

test("nothing was reported on the console and nothing asked of another site", () => {
  assert.deepEqual(problems, []);
});
