/** A span upon a context, held against the API's own `trace.setSpan`. */
import * as api from '@opentelemetry/api';
import { layingSpans } from '../../src/telemetry/span-context';

const { ROOT_CONTEXT, createContextKey, trace } = api;
const lay = layingSpans(api);
const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
const other = trace.wrapSpanContext({ traceId: '3'.repeat(32), spanId: '4'.repeat(16), traceFlags: 0 });
const key = createContextKey('a key of the application');
const second = createContextKey('another');

test('the API finds the span, and every other value of the context below', () => {
  const below = ROOT_CONTEXT.setValue(key, 'below');
  const context = lay(below, span);
  expect(context).not.toBeInstanceOf(ROOT_CONTEXT.constructor);
  expect(trace.getSpan(context)).toBe(span);
  expect(trace.getSpanContext(context)).toBe(span.spanContext());
  expect(context.getValue(key)).toBe('below');
  expect(trace.getSpan(below)).toBeUndefined();
});

test('a span upon a span hides it and leaves it', () => {
  const inner = lay(ROOT_CONTEXT, span);
  const outer = lay(inner, other);
  expect([trace.getSpan(inner), trace.getSpan(outer)]).toEqual([span, other]);
});

test.each([
  ['another value', (context: api.Context) => context.setValue(key, 'new')],
  ['another span', (context: api.Context) => trace.setSpan(context, other)],
  ['no span', (context: api.Context) => trace.deleteSpan(context)],
  ['a value less', (context: api.Context) => context.deleteValue(key)],
  ['baggage', (context: api.Context) => api.propagation.setBaggage(context, api.propagation.createBaggage())],
])('changed to %s it holds what the API own context would', (_, change) => {
  const below = ROOT_CONTEXT.setValue(key, 'below').setValue(second, 2);
  const laid = lay(below, span);
  const [ours, own] = [change(laid), change(trace.setSpan(below, span))];
  expect(trace.getSpan(ours)).toBe(trace.getSpan(own));
  for (const one of [key, second]) expect(ours.getValue(one)).toBe(own.getValue(one));
  expect(api.propagation.getBaggage(ours) === undefined).toBe(api.propagation.getBaggage(own) === undefined);
  // What it was made of stays as it was.
  expect([trace.getSpan(laid), laid.getValue(key), laid.getValue(second)]).toEqual([span, 'below', 2]);
});

test('an API that tells no key is used as it is', () => {
  const silent = { ...api, trace: { ...trace, getSpan: () => undefined, setSpan: trace.setSpan } };
  const context = layingSpans(silent as unknown as typeof api)(ROOT_CONTEXT, span);
  expect(context).toBeInstanceOf(ROOT_CONTEXT.constructor);
  expect(trace.getSpan(context)).toBe(span);
});
