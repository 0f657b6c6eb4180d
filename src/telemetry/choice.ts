/** Which deliveries have a span. */

/**
 * 'redeliveries': redeliveries, hits of the handler's own check and deliveries whose handler failed. 'all': every
 * delivery; of a batch of eachBatch 128. `ratio`: the former, and that share of the others, the same records in every
 * process. 'off': none; metrics go by the meter provider.
 */
export type Tracing = 'off' | 'redeliveries' | 'all' | { ratio: number };

export const DEFAULT_TRACING: Tracing = 'redeliveries';

export function isTracing(value: unknown): value is Tracing {
  if (value === 'off' || value === 'redeliveries' || value === 'all') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { ratio, ...rest } = value as { ratio?: unknown };
  return typeof ratio === 'number' && ratio >= 0 && ratio <= 1 && Object.keys(rest).length === 0;
}

/** As a variable has it: off, redeliveries, all, or a ratio as 0.01. Null for anything else. */
export function tracingFrom(text: string): Tracing | null {
  const value = /^\d*\.?\d+$/.test(text) ? { ratio: Number(text) } : text.toLowerCase();
  return isTracing(value) ? value : null;
}

/** The share of first deliveries that have a span, 0 to 1. */
export function shareOf(tracing: Tracing): number {
  if (typeof tracing === 'object') return tracing.ratio;
  return tracing === 'all' ? 1 : 0;
}
