/**
 * The application's active OpenTelemetry context, if it has one. `@opentelemetry/api` is the application's, not ours:
 * it leaves a mark in the process as soon as tracing is set up, and only then is it loaded.
 */
import type * as Api from '@opentelemetry/api';

const MARK = Symbol.for('opentelemetry.js.api.1');

let api: typeof Api | null | undefined;

/** Headers that tell of the active span, by W3C Trace Context; null: there is none. */
export function activeTrace(): Record<string, string> | null {
  if (!(MARK in globalThis)) return null;
  api ??= load();
  const span = api?.trace.getSpanContext(api.context.active());
  if (api === null || api === undefined || span === undefined || !api.isSpanContextValid(span)) return null;
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
  const traceparent = `00-${span.traceId}-${span.spanId}-${flags}`;
  const tracestate = span.traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

function load(): typeof Api | null {
  try {
    return require('@opentelemetry/api') as typeof Api;
  } catch {
    return null;
  }
}
