// What the JavaScript tests share: the server, names, and the trace they send.

import { randomBytes } from "node:crypto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpanStatusCode, context, trace } from "@opentelemetry/api";

function required(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

export const baseUrl = required("PHOENIX_TEST_BASE_URL");
export const grpcUrl = `http://127.0.0.1:${required("PHOENIX_TEST_GRPC_PORT")}`;
export const adminSecret = required("PHOENIX_TEST_ADMIN_SECRET");
export const key = required("PHOENIX_TEST_API_KEY");

/** A test of what only this server promises; not registered when the run asks the peer. */
export const oursOnly = process.env.PHOENIX_TEST_IS_PEER === "1" ? () => {} : test;

/** A name that no other test and no other run uses. */
export const newName = (purpose) => `${purpose}-${randomBytes(6).toString("hex")}`;

export const KIND = "openinference.span.kind";
export const START = 1_760_000_000_123;
const microseconds = (milliseconds) => [Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1_000_000];

const rootAttributes = {
  [KIND]: "CHAIN",
  text: "plain",
  "text.unicode": 'é ☃ 😀 "quoted"',
  "text.empty": "",
  "flag.true": true,
  "flag.false": false,
  "number.int": 7,
  "number.negative": -3,
  "number.float": 1.5,
  "list.text": ["x", "y"],
  "list.flags": [true, false],
  "list.ints": [1, 2, 3],
  metadata: '{"user": "u1", "nested": {"depth": 2}}',
};
const childAttributes = {
  [KIND]: "LLM",
  "llm.token_count.prompt": 5,
  "llm.token_count.completion": 6,
  "llm.input_messages.0.message.role": "user",
  "llm.input_messages.0.message.content": "hello",
};

/** Create and end a parent and its failing child, and return what the server must have stored. */
export function sendSpecimen(tracer) {
  const root = tracer.startSpan("root", { startTime: microseconds(START), attributes: rootAttributes });
  const child = tracer.startSpan(
    "child",
    { startTime: microseconds(START + 10), attributes: childAttributes },
    trace.setSpan(context.active(), root),
  );
  child.addEvent("exception", { "exception.message": "boom" }, microseconds(START + 20));
  child.setStatus({ code: SpanStatusCode.ERROR, message: "boom" });
  child.end(microseconds(START + 100));
  root.setStatus({ code: SpanStatusCode.OK });
  root.end(microseconds(START + 1500));
  const { traceId, spanId } = root.spanContext();
  const { [KIND]: rootKind, metadata: _, ...plainRoot } = rootAttributes;
  const { [KIND]: childKind, ...plainChild } = childAttributes;
  return [
    {
      name: "root",
      context: { trace_id: traceId, span_id: spanId },
      span_kind: rootKind,
      parent_id: null,
      start: START,
      end: START + 1500,
      status_code: "OK",
      status_message: "",
      attributes: { ...plainRoot, "metadata.user": "u1", "metadata.nested.depth": 2 },
      events: [],
    },
    {
      name: "child",
      context: { trace_id: traceId, span_id: child.spanContext().spanId },
      span_kind: childKind,
      parent_id: spanId,
      start: START + 10,
      end: START + 100,
      status_code: "ERROR",
      status_message: "boom",
      attributes: plainChild,
      events: [{ name: "exception", time: START + 20, attributes: { "exception.message": "boom" } }],
    },
  ];
}

/** Compare spans as the server tells them with what was sent. */
export function assertSameSpans(found, expected) {
  const told = found.map(({ id, start_time, end_time, events, ...rest }) => ({
    ...rest,
    start: Date.parse(start_time),
    end: Date.parse(end_time),
    events: events.map(({ timestamp, ...event }) => ({ ...event, time: Date.parse(timestamp) })),
  }));
  const byName = (one, other) => one.name.localeCompare(other.name);
  assert.deepEqual(told.sort(byName), [...expected].sort(byName));
}

/** The spans of a project over plain REST, once `count` of them are stored. */
export async function storedSpans(project, count) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const response = await fetch(`${baseUrl}/v1/projects/${project}/spans`, {
      headers: { Authorization: `Bearer ${key}` },
    });
    const spans = response.status === 200 ? (await response.json()).data : [];
    if (spans.length === count) return spans;
    assert.ok(Date.now() < deadline, `${spans.length} of ${count} spans in ${project}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Fail unless the project was never created. */
export async function assertNoProject(project) {
  const response = await fetch(`${baseUrl}/v1/projects/${project}`, { headers: { Authorization: `Bearer ${key}` } });
  assert.equal(response.status, 404, await response.text());
}
