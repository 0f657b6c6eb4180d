/**
 * How an application turns OpenTelemetry on, before it loads anything else: the five lines within. It is set up by the
 * standard environment, so only where an endpoint is named.
 */
if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
  const { NodeSDK } = require('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: process.env.OTEL_SERVICE_NAME || 'dupescope-demo' });
  sdk.start();
  const { exit } = process;
  process.exit = ((code) => void sdk.shutdown().finally(() => exit(code))) as typeof process.exit;
}
