// What the OpenTelemetry programs share: the exporter that the command line names, told where the server is, and with which key, by
// the standard variables alone.
import { DiagConsoleLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { key, url } from "./helper.mjs";

export const transport = process.argv[2]; // http is OTLP/JSON, proto is OTLP/HTTP with protobuf, grpc

// The server's three doors: its own, the one where OTLP is expected, the one of gRPC.
const endpoints = { http: url, proto: process.env.TRACEWELL_OTLP, grpc: process.env.TRACEWELL_GRPC };

Object.assign(process.env, {
  OTEL_SERVICE_NAME: "sdk-test",
  OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=staging,service.version=2.1.0",
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoints[transport],
  OTEL_EXPORTER_OTLP_HEADERS: transport === "proto" ? `x-api-key=${key}` : `authorization=Bearer%20${key}`,
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
});

// A batch that did not arrive is an error of the exporter's, which the helper turns into a failure of the program.
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);

export async function exporterOf(signal, options) {
  const names = { trace: "OTLPTraceExporter", logs: "OTLPLogExporter", metrics: "OTLPMetricExporter" };
  const packages = await import(`@opentelemetry/exporter-${signal}-otlp-${transport}`);
  return new packages[names[signal]](options);
}

// Runs `work(flush)` under an SDK that sends `batchSize` spans at a time, and waits until all are sent.
export async function traced(work, { batchSize = 512 } = {}) {
  const exporter = await exporterOf("trace");
  const processor = new BatchSpanProcessor(exporter, { maxExportBatchSize: batchSize });
  const sdk = new NodeSDK({ spanProcessors: [processor] });
  sdk.start();
  const result = await work(() => processor.forceFlush());
  await sdk.shutdown();
  return result;
}

export const text = (role, content) => ({ role, parts: [{ type: "text", content }] });
