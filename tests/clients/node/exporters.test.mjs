// The OpenTelemetry exporters for JavaScript: protobuf, JSON and gRPC.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import {
  assertNoProject,
  assertSameSpans,
  baseUrl,
  grpcUrl,
  key,
  newName,
  oursOnly,
  sendSpecimen,
  storedSpans,
} from "./support.mjs";

const url = `${baseUrl}/v1/traces`;

function metadata(headers) {
  const found = new Metadata();
  for (const [name, value] of Object.entries(headers)) found.set(name, value);
  return found;
}

const exporters = [
  ["proto", test, (headers) => new ProtoExporter({ url, headers })],
  ["proto with gzip", test, (headers) => new ProtoExporter({ url, headers, compression: CompressionAlgorithm.GZIP })],
  ["JSON", oursOnly, (headers) => new JsonExporter({ url, headers })],
  ["JSON with gzip", oursOnly, (headers) => new JsonExporter({ url, headers, compression: CompressionAlgorithm.GZIP })],
  ["gRPC", test, (headers) => new GrpcExporter({ url: grpcUrl, metadata: metadata(headers) })],
  [
    "gRPC with gzip",
    test,
    (headers) =>
      new GrpcExporter({ url: grpcUrl, metadata: metadata(headers), compression: CompressionAlgorithm.GZIP }),
  ],
];

function providerFor(project, processor) {
  const resource = resourceFromAttributes({ "openinference.project.name": project });
  return new NodeTracerProvider({ resource, spanProcessors: [processor] });
}

/** Export finished spans by hand and return what the exporter reports. */
async function exportOnce(exporter, project) {
  const memory = new InMemorySpanExporter();
  const provider = providerFor(project, new SimpleSpanProcessor(memory));
  provider.getTracer("client-tests").startSpan("single").end();
  const result = await new Promise((resolve) => exporter.export(memory.getFinishedSpans(), resolve));
  await provider.shutdown();
  await exporter.shutdown();
  return result;
}

for (const [name, register, make] of exporters) {
  register(`the ${name} exporter stores a trace as it was meant`, async () => {
    const project = newName("node-export");
    const provider = providerFor(project, new BatchSpanProcessor(make({ authorization: `Bearer ${key}` })));
    const expected = sendSpecimen(provider.getTracer("client-tests"));
    await provider.forceFlush();
    await provider.shutdown();
    assertSameSpans(await storedSpans(project, expected.length), expected);
  });

  register(`the ${name} exporter fails at once with a wrong key`, async () => {
    const project = newName("node-refused");
    const began = Date.now();
    const result = await exportOnce(make({ authorization: "Bearer wrong" }), project);
    assert.equal(result.code, 1);
    assert.ok(result.error);
    assert.ok(Date.now() - began < 5_000, "the exporter kept trying");
    await assertNoProject(project);
  });

  oursOnly(`the ${name} exporter may send the key as api_key`, async () => {
    const project = newName("node-api-key");
    const result = await exportOnce(make({ api_key: key }), project);
    assert.equal(result.code, 0, String(result.error));
    assert.equal((await storedSpans(project, 1))[0].name, "single");
  });
}
