/** Spans of what moves a group's offset: `commit {topic}` and `seek {topic}`. Children of whatever is active. */
import type { Attributes } from '@opentelemetry/api';
import { type Consuming, consumingAttributes, errorType, offsetAttributes } from './attributes';
import type { Spans } from './tracer';

/** SpanKind.CLIENT and SpanStatusCode.ERROR of the API. */
const CLIENT = 2;
const ERROR = 2;

/**
 * @param next the offset that is committed, the next one to be read
 * @param from unix ms at which the request was sent
 * @param loweredFrom the committed offset before, where it went down
 */
export function commitSpan(
  spans: Spans,
  consuming: Consuming,
  next: number,
  from: number,
  { loweredFrom, error }: { loweredFrom?: number; error?: unknown } = {},
): void {
  const attributes: Attributes = { ...consumingAttributes('commit', consuming), ...offsetAttributes(next) };
  if (loweredFrom !== undefined) attributes['dupescope.commit.previous_offset'] = loweredFrom;
  if (error !== undefined) attributes['error.type'] = errorType(error);
  const options = { kind: CLIENT, attributes, startTime: from };
  const span = spans.start(`commit ${consuming.topic}`, options, spans.api.context.active());
  if (error !== undefined) {
    span.setStatus({ code: ERROR, ...(error instanceof Error ? { message: error.message } : {}) });
  }
  span.end();
}

/** @param target as the application gave it: an offset, -1 for the end, -2 for the beginning */
export function seekSpan(spans: Spans, consuming: Consuming, target: number): void {
  const attributes: Attributes = { ...consumingAttributes('seek', consuming), ...offsetAttributes(target) };
  spans.start(`seek ${consuming.topic}`, { kind: CLIENT, attributes }, spans.api.context.active()).end();
}
