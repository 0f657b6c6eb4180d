/** Trace context in a record's headers, by whatever propagator the application has registered. */
import type { Context, TextMapGetter } from '@opentelemetry/api';
import type { OpenTelemetry } from './api';

/** As kafkajs gives them; a key that stands twice is a list. */
export type Headers = Record<string, Buffer | string | (Buffer | string)[] | undefined>;

const HEADERS: TextMapGetter<Headers> = {
  keys: (headers) => Object.keys(headers),
  get(headers, key) {
    const value = headers[key];
    // Of several the last: who sent the record on wrote behind who sent it first.
    const one = Array.isArray(value) ? value.at(-1) : value;
    return one === undefined || one === null ? undefined : one.toString();
  },
};

/** True where one of the propagator's fields stands in the headers. Runs for every record. */
export function isCarried(headers: Headers | undefined, fields: readonly string[]): headers is Headers {
  if (headers === undefined) return false;
  for (let i = 0; i < fields.length; i++) if (headers[fields[i] as string] !== undefined) return true;
  return false;
}

export function extracted(api: OpenTelemetry, headers: Headers): Context {
  return api.propagation.extract(api.context.active(), headers, HEADERS);
}
