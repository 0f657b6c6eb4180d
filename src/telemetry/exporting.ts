/**
 * The service's own OpenTelemetry, by the standard environment (`OTEL_EXPORTER_OTLP_ENDPOINT`, `..._PROTOCOL`,
 * `OTEL_SERVICE_NAME` and so on). The SDK is loaded only where an endpoint is named: it takes a third of a second,
 * and an installation may leave it out.
 */
import { errorLine } from '../errors';
import { registeredSpans, type Spans } from './tracer';

export interface Exporting {
  spans: Spans;
  /** Resolves when everything that ended is sent, rejects when it could not be. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** An endpoint is named, and tracing is not switched off. */
export function isExportWanted(env: NodeJS.ProcessEnv): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

/** @param tell what of the SDK goes wrong, in one line. Null where the SDK is not installed (told). */
export function startExporting(tell: (problem: string) => void): Exporting | null {
  let sdk: typeof import('@opentelemetry/sdk-node');
  try {
    sdk = require('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node');
  } catch (error) {
    tell(
      `OTEL_EXPORTER_OTLP_ENDPOINT is set, but @opentelemetry/sdk-node cannot be loaded (${errorLine(error)}): no spans are exported. Install it: npm install @opentelemetry/sdk-node@0.223`,
    );
    return null;
  }
  const { NodeSDK, api } = sdk;
  const quiet = () => undefined;
  const warn = (message: string) => tell(`OpenTelemetry: ${errorLine(message)}`);
  api.diag.setLogger(
    { error: warn, warn, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const node = new NodeSDK({
    serviceName: process.env.OTEL_SERVICE_NAME || 'dupescope',
    // Its numbers are those of /metrics.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  node.start();
  const spans = registeredSpans();
  if (spans === null) {
    tell('OpenTelemetry registered no tracer provider: no spans are exported.');
    return null;
  }
  return {
    spans,
    async flush() {
      const provider = api.trace.getTracerProvider() as {
        getDelegate?: () => { forceFlush?(): Promise<void> };
      };
      await provider.getDelegate?.().forceFlush?.();
    },
    close: () => node.shutdown(),
  };
}
