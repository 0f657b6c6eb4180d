/** The application's active trace context, for what it sends. */
import { contextApi } from './api';

/** Headers that tell of the active span, by W3C Trace Context; null: there is none. */
export function activeTrace(): Record<string, string> | null {
  const api = contextApi();
  const span = api?.trace.getSpanContext(api.context.active());
  if (api === null || span === undefined || !api.isSpanContextValid(span)) return null;
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
  const traceparent = `00-${span.traceId}-${span.spanId}-${flags}`;
  const tracestate = span.traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}
