/**
 * `@opentelemetry/instrumentation-kafkajs` beside us: two wrappers would make two spans of one delivery. Its wrapping
 * can be seen: what it replaces carries `__wrapped`, and what it replaced as `__original`.
 *
 *     inside:  it wrapped `run` before us (instrument() on a client that it has patched): its span is active around
 *              our wrapper, and is told what we know
 *     outside: it wrapped `run` after us (dupescope/register loaded first): the handler that we get is its wrapper;
 *              a redelivery is given to the application's own handler, with our span in place of its
 */
interface Wrapped {
  __wrapped?: boolean;
  __original?: unknown;
}

let warned = false;

export function isWrapped(method: unknown): boolean {
  return typeof method === 'function' && (method as Wrapped).__wrapped === true;
}

/** The application's own handler below another tracer's; null where there is none. */
export function handlerBelow<Handler>(handler: Handler): Handler | null {
  if (!isWrapped(handler)) return null;
  const { __original } = handler as Wrapped;
  return typeof __original === 'function' ? (__original as Handler) : null;
}

/** Once a process. */
export function warnOfOtherTracing(): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    'Another instrumentation (such as @opentelemetry/instrumentation-kafkajs) makes spans of these deliveries. Dupescope makes none beside them and tells them what it knows of redeliveries. Disable that instrumentation for consumers, and every attempt of a record is one trace.',
    { code: 'dupescope:other-tracing' },
  );
}
