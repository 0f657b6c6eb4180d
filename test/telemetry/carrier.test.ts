/** Which records carry context, by the headers that the application's propagator reads. */
import { carries, type Headers } from '../../src/telemetry/carrier';

const HEADERS = ['traceparent', 'tracestate', 'baggage', 'b3', 'X-B3-TraceId', '__proto__'];

test.each([
  ['W3C trace context', ['traceparent', 'tracestate']],
  ['baggage too', ['traceparent', 'tracestate', 'baggage']],
  ['baggage alone', ['baggage']],
  ['B3', ['b3']],
  ['B3 and W3C', ['b3', 'traceparent', 'tracestate']],
  ['a header with capitals', ['X-B3-TraceId']],
  ['no propagator', []],
])('%s', (_, fields) => {
  const isCarried = carries(fields);
  for (const name of HEADERS) {
    const headers = Object.fromEntries([
      ['other', Buffer.from('x')],
      [name, Buffer.from('1')],
    ]) as Headers;
    expect([name, isCarried(headers)]).toEqual([name, fields.includes(name)]);
    expect(isCarried({ [name]: [Buffer.from('1'), '2'] })).toBe(fields.includes(name));
  }
  expect(isCarried({})).toBe(false);
  expect(isCarried(undefined)).toBe(false);
});
