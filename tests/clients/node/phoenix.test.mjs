// Phoenix's own packages for JavaScript: @arizeai/phoenix-otel and @arizeai/phoenix-client.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError, createClient } from "@arizeai/phoenix-client";
import { getSpans } from "@arizeai/phoenix-client/spans";
import { getTraces } from "@arizeai/phoenix-client/traces";
import { register } from "@arizeai/phoenix-otel";
import { START, adminSecret, assertNoProject, assertSameSpans, baseUrl, key, newName, oursOnly, sendSpecimen, storedSpans } from "./support.mjs";

const clientWith = (secret) =>
  createClient({ options: { baseUrl, headers: { Authorization: `Bearer ${secret}` } } });
const client = clientWith(key);
const admin = clientWith(adminSecret);

/** Register, send the specimen, and shut down. */
async function sendWith(options) {
  const provider = register({ url: baseUrl, global: false, ...options });
  const expected = sendSpecimen(provider.getTracer("client-tests"));
  await provider.forceFlush();
  await provider.shutdown();
  return expected;
}

for (const batch of [true, false]) {
  test(`register stores a trace in its project, batch: ${batch}`, async () => {
    const projectName = newName("node-register");
    const expected = await sendWith({ apiKey: key, projectName, batch });
    assertSameSpans(await storedSpans(projectName, expected.length), expected);
  });
}

test("register takes everything from the environment", async () => {
  const projectName = newName("node-environment");
  const settings = { PHOENIX_API_KEY: key, PHOENIX_COLLECTOR_ENDPOINT: baseUrl, PHOENIX_PROJECT_NAME: projectName };
  Object.assign(process.env, settings);
  try {
    const expected = await sendWith({ url: undefined });
    assertSameSpans(await storedSpans(projectName, expected.length), expected);
  } finally {
    for (const name of Object.keys(settings)) delete process.env[name];
  }
});

test("register with a wrong key stores nothing and does not break the application", async () => {
  const projectName = newName("node-wrong-key");
  await sendWith({ apiKey: "wrong", projectName }).catch(() => {});
  await assertNoProject(projectName);
});

test("the client reads and filters the spans that were sent", async () => {
  const projectName = newName("node-spans");
  const expected = await sendWith({ apiKey: key, projectName });
  await storedSpans(projectName, expected.length);
  const project = { projectName };
  const [root, child] = expected;
  assertSameSpans((await getSpans({ client, project })).spans, expected);
  for (const [filters, names] of [
    [{ traceIds: [root.context.trace_id] }, ["child", "root"]],
    [{ traceIds: ["0".repeat(31) + "1"] }, []],
    [{ parentId: null }, ["root"]],
    [{ parentId: root.context.span_id }, ["child"]],
    [{ name: ["root"] }, ["root"]],
    [{ spanKind: "LLM" }, ["child"]],
    [{ statusCode: "ERROR" }, ["child"]],
    [{ attributes: { text: "plain", "number.int": 7, "flag.true": true } }, ["root"]],
    [{ attributes: { "number.int": "7" } }, []],
    [{ startTime: new Date(START), endTime: new Date(START + 10) }, ["root"]],
  ]) {
    const { spans } = await getSpans({ client, project, ...filters });
    assert.deepEqual(spans.map((span) => span.name).sort(), names, JSON.stringify(filters));
  }
  const first = await getSpans({ client, project, limit: 1 });
  const second = await getSpans({ client, project, limit: 1, cursor: first.nextCursor });
  assertSameSpans([...first.spans, ...second.spans], expected);
  assert.equal(second.nextCursor, null);
  assert.equal(child.parent_id, root.context.span_id);
});

test("the client lists traces with their spans", async () => {
  const projectName = newName("node-traces");
  const expected = await sendWith({ apiKey: key, projectName });
  await storedSpans(projectName, expected.length);
  const { traces, nextCursor } = await getTraces({ client, project: { projectName }, includeSpans: true });
  assert.equal(nextCursor, null);
  assert.equal(traces.length, 1);
  const [found] = traces;
  assert.equal(found.trace_id, expected[0].context.trace_id);
  assert.equal(Date.parse(found.start_time), START);
  assert.equal(Date.parse(found.end_time), START + 1500);
  assert.deepEqual(
    [found.token_count_prompt, found.token_count_completion, found.token_count_total],
    [5, 6, 11],
  );
  assert.deepEqual(found.spans.map((span) => span.name).sort(), ["child", "root"]);
});

test("a project lives from creation to deletion", async () => {
  const name = newName("node-project");
  const created = (await client.POST("/v1/projects", { body: { name, description: "first" } })).data.data;
  assert.deepEqual({ ...created, id: undefined }, { name, description: "first", id: undefined });
  const path = { project_identifier: name };
  assert.deepEqual((await client.GET("/v1/projects/{project_identifier}", { params: { path } })).data.data, created);
  const listed = await client.GET("/v1/projects", { params: { query: { name_contains: name } } });
  assert.deepEqual(listed.data, { data: [created], next_cursor: null });
  const updated = await admin.PUT("/v1/projects/{project_identifier}", {
    params: { path },
    body: { description: "second" },
  });
  assert.deepEqual(updated.data.data, { ...created, description: "second" });
  const deleted = await admin.DELETE("/v1/projects/{project_identifier}", { params: { path } });
  assert.equal(deleted.response.status, 204);
  await assertNoProject(name);
});

test("a system key is created, listed and deleted by the typed client", async () => {
  const name = newName("node-key");
  const created = await admin.POST("/v1/system/api_keys", { body: { data: { name } } });
  assert.equal(created.response.status, 201);
  const { key: secret, ...shown } = created.data.data;
  const { data: own } = await clientWith(secret).GET("/v1/user");
  assert.equal(own.data.username, "system");
  const listed = (await admin.GET("/v1/system/api_keys")).data.data;
  assert.deepEqual(listed.find((entry) => entry.id === shown.id), shown);
  const path = { api_key_id: shown.id };
  const deleted = await admin.DELETE("/v1/system/api_keys/{api_key_id}", { params: { path } });
  assert.equal(deleted.response.status, 204);
  await assert.rejects(clientWith(secret).GET("/v1/user"), { status: 401 });
});

test("a wrong key and an unknown project are the client's own errors", async () => {
  const project = { projectName: newName("node-nowhere") };
  for (const [who, status] of [
    [clientWith("wrong"), 401],
    [client, 404],
  ]) {
    await assert.rejects(getSpans({ client: who, project }), (error) => error instanceof HttpError && error.status === status);
  }
});

oursOnly("a second project of the same name is a conflict", async () => {
  const body = { name: newName("node-twice") };
  await client.POST("/v1/projects", { body });
  await assert.rejects(client.POST("/v1/projects", { body }), { status: 409 });
});
