/**
 * How an application turns OpenTelemetry on, before it loads anything else: the three lines within. It is set up by the
 * standard environment, so only where an endpoint is named.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** A collector that is away must not keep an application that ends, in ms. What it did not take by then is lost. */
const END_LIMIT_MS = 2_000;

let end = async (): Promise<void> => undefined;

if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
  const { NodeSDK } = require('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: process.env.OTEL_SERVICE_NAME || 'dupescope-demo' });
  sdk.start();
  end = () => sdk.shutdown();
}

/** Before the process exits: what ended is sent. Never rejects. */
export async function endTracing(): Promise<void> {
  const limit = sleep(END_LIMIT_MS);
  await Promise.race([end().catch(() => undefined), limit]);
}
