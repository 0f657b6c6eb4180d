/**
 * A context with a span laid upon another context: what `trace.setSpan` answers, without its copy of the whole context
 * (a map and four functions, twice for each span; 0.7 us of a traced delivery, Node 20).
 */
import type { Context, Span } from '@opentelemetry/api';
import type { OpenTelemetry } from './api';

export type LaySpan = (below: Context, span: Span) => Context;

/** The API's own way where the key by which it keeps a span cannot be learned. */
export function layingSpans({ trace }: OpenTelemetry): LaySpan {
  const key = spanKeyOf(trace);
  return key === null
    ? (below, span) => trace.setSpan(below, span)
    : (below, span) => new SpanUpon(below, key, span);
}

/** The key is no part of the API, but who asks for a context's span asks the context by it. */
function spanKeyOf(trace: OpenTelemetry['trace']): symbol | null {
  let asked: symbol | null = null;
  const probe: Context = {
    getValue(key) {
      asked = key;
      return undefined;
    },
    setValue: () => probe,
    deleteValue: () => probe,
  };
  trace.getSpan(probe);
  return asked;
}

class SpanUpon implements Context {
  constructor(
    private readonly below: Context,
    private readonly key: symbol,
    private readonly span: Span,
  ) {}

  getValue(key: symbol): unknown {
    return key === this.key ? this.span : this.below.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    if (key === this.key) return this.below.setValue(key, value);
    return this.below.setValue(this.key, this.span).setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    if (key === this.key) return this.below.deleteValue(key);
    return this.below.setValue(this.key, this.span).deleteValue(key);
  }
}
