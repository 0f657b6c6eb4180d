/**
 * The application's own OpenTelemetry, if it has one. Its API keeps what is registered in one place of the process,
 * by a symbol: where that is empty nothing is loaded, and a look at it costs next to nothing.
 *
 *     no provider -> (a look finds one) loaded -> (the application takes it away) no provider
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

export type OpenTelemetry = typeof import('@opentelemetry/api');

/** What providers register: `trace`, `metrics`, `context`, `propagation`. Of every API since 1.0. */
interface Registry {
  trace?: object;
  metrics?: object;
  context?: object;
}

const REGISTRY = Symbol.for('opentelemetry.js.api.1');

let loaded: { api: OpenTelemetry | null; of: Registry } | null = null;

/** What the application has registered by now; no more than a look. */
export function registry(): Registry {
  return (globalThis as { [REGISTRY]?: Registry })[REGISTRY] ?? {};
}

/** The API by which the registered providers are reached; null where none is, or none that we can load. */
export function openTelemetry(): OpenTelemetry | null {
  const of = registry();
  if (of.trace === undefined && of.metrics === undefined) return null;
  if (loaded?.of !== of) loaded = { api: load(of), of };
  return loaded.api;
}

/** The API by which the active context is reached; null where no context is kept: then there is no active span. */
export function contextApi(): OpenTelemetry | null {
  const of = registry();
  if (of.context === undefined) return null;
  const api = openTelemetry();
  if (api !== null) return api;
  // Contexts alone, with no provider: an application that only hands traces on.
  if (loaded?.of !== of || loaded.api === null) loaded = { api: load(of), of };
  return loaded.api;
}

/**
 * The application's copy first: one that is older than what registered sees nothing of it. Ours is there where the
 * package manager keeps one copy for all.
 */
function load(of: Registry): OpenTelemetry | null {
  for (const base of [process.argv[1], join(process.cwd(), 'app.js'), __filename]) {
    const api = base === undefined ? null : loadFrom(base);
    if (api !== null && sees(api, of)) return api;
  }
  return null;
}

function loadFrom(file: string): OpenTelemetry | null {
  try {
    return createRequire(file)('@opentelemetry/api') as OpenTelemetry;
  } catch {
    return null;
  }
}

/** A copy that may not use what is registered (another major version, an older minor one) answers with its own. */
function sees({ trace, metrics }: OpenTelemetry, of: Registry): boolean {
  if (of.trace !== undefined) return trace.getTracerProvider() === of.trace;
  return of.metrics === undefined || metrics?.getMeterProvider() === of.metrics;
}
