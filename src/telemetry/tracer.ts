/**
 * Our tracer of the application's provider, and spans with ids of our choice.
 *
 * The API has no word for a span's id: the SDK's tracer asks its generator. Ours is put in front of it, in our own
 * tracer alone, and passes on whatever we did not choose. A tracer without that field (another vendor's) chooses by
 * itself: then all attempts are still one trace, and links to the attempt before carry the session and time in words.
 */
import type { Context, Span, SpanOptions, Tracer } from '@opentelemetry/api';
import { VERSION } from '../version';
import { type OpenTelemetry, openTelemetry, registry } from './api';
import { type LaySpan, layingSpans } from './span-context';

interface Generator {
  generateSpanId(): string;
  generateTraceId(): string;
}

/** Shared by copies of this package that got the same tracer. */
const CHOSEN = Symbol.for('dupescope.chosenSpanId');

export interface Spans {
  readonly api: OpenTelemetry;
  /** A context with that span in it. */
  readonly lay: LaySpan;
  /** @param spanId null: the SDK chooses */
  start(name: string, options: SpanOptions, parent: Context, spanId?: string | null): Span;
}

let known: { provider: object; spans: Spans } | null = null;

/** Null where no tracer provider is registered. Cheap to ask again. */
export function registeredSpans(): Spans | null {
  const provider = registry().trace;
  if (provider === undefined) return null;
  if (known?.provider === provider) return known.spans;
  const api = openTelemetry();
  if (api === null) return null;
  known = { provider, spans: spansBy(api, api.trace.getTracer('dupescope', VERSION)) };
  return known.spans;
}

function spansBy(api: OpenTelemetry, tracer: Tracer): Spans {
  const chosen = choosing(tracer);
  return {
    api,
    lay: layingSpans(api),
    start(name, options, parent, spanId = null) {
      if (chosen === null || spanId === null) return tracer.startSpan(name, options, parent);
      chosen.spanId = spanId;
      try {
        return tracer.startSpan(name, options, parent);
      } finally {
        chosen.spanId = null;
      }
    },
  };
}

/** Where to lay the id of the next span; null where the tracer has no generator. */
function choosing(tracer: Tracer): { spanId: string | null } | null {
  const holder = tracer as unknown as { _idGenerator?: Generator & { [CHOSEN]?: { spanId: string | null } } };
  const generator = holder._idGenerator;
  if (typeof generator?.generateSpanId !== 'function') return null;
  if (generator[CHOSEN] !== undefined) return generator[CHOSEN];
  const chosen: { spanId: string | null } = { spanId: null };
  holder._idGenerator = {
    [CHOSEN]: chosen,
    generateTraceId: () => generator.generateTraceId(),
    generateSpanId() {
      const { spanId } = chosen;
      chosen.spanId = null;
      return spanId ?? generator.generateSpanId();
    },
  };
  return chosen;
}
