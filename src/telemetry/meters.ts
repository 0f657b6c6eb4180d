/**
 * Metrics through the OpenTelemetry API where a meter provider is registered. `messaging.` by the conventions, the
 * rest our own. Nothing is recorded for each record of a fast handler: see each instrument.
 */
import type { Attributes, Counter, Histogram, Meter, ObservableResult } from '@opentelemetry/api';
import { VERSION } from '../version';
import { openTelemetry, registry } from './api';

/** The convention's, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export interface Exposed {
  group: string;
  topic: string;
  partition: number;
  /** Handled and not committed. */
  records: number;
  /** Age of the oldest of them. */
  seconds: number;
}

export interface Meters {
  /**
   * Each record of a handler that takes longer than 0.05 ms, and at least one of 128 of a faster one; each batch of
   * `eachBatch`. What failed with its error.type, each.
   */
  processDuration: Histogram;
  /** Added to once a fetched batch, and when a handler failed. Counts deliveries: redeliveries are in it. */
  consumed: Counter;
  /** One each. */
  redeliveries: Counter;
  /** One each. */
  hits: Counter;
}

const exposures = new Set<() => Iterable<Exposed>>();
let known: { provider: object; meters: Meters } | null = null;

/** What exposure is asked of when metrics are collected. */
export function exposeBy(source: () => Iterable<Exposed>): void {
  exposures.add(source);
}

/** Null where no meter provider is registered. Cheap to ask again. */
export function registeredMeters(): Meters | null {
  const provider = registry().metrics;
  if (provider === undefined) return null;
  if (known?.provider === provider) return known.meters;
  const api = openTelemetry();
  if (api?.metrics === undefined) return null;
  known = { provider, meters: metersOf(api.metrics.getMeter('dupescope', VERSION)) };
  return known.meters;
}

export function meterAttributes(group: string, topic: string, partition: number): Attributes {
  return {
    'messaging.system.name': 'kafka',
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.consumer.group.name': group,
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
  };
}

function metersOf(meter: Meter): Meters {
  observeExposure(meter);
  return {
    processDuration: meter.createHistogram('messaging.process.duration', {
      unit: 's',
      description: 'Duration of processing operation.',
      advice: { explicitBucketBoundaries: BUCKETS },
    }),
    consumed: meter.createCounter('messaging.client.consumed.messages', {
      unit: '{message}',
      description: 'Number of messages that were delivered to the application.',
    }),
    redeliveries: meter.createCounter('dupescope.redeliveries', {
      unit: '{record}',
      description: 'Records handed to a handler of this process that the group had been given before.',
    }),
    hits: meter.createCounter('dupescope.idempotency.hits', {
      unit: '{record}',
      description: "Copies that the consumer's own check recognised and did not apply again.",
    }),
  };
}

function observeExposure(meter: Meter): void {
  const records = meter.createObservableGauge('dupescope.exposure.records', {
    unit: '{record}',
    description: 'Records handled and not committed: what a crash now would deliver again.',
  });
  const seconds = meter.createObservableGauge('dupescope.exposure.age', {
    unit: 's',
    description: 'Age of the oldest record that is handled and not committed.',
  });
  const each = (result: ObservableResult, of: (one: Exposed) => number) => {
    for (const source of exposures) {
      for (const one of source()) {
        result.observe(of(one), meterAttributes(one.group, one.topic, one.partition));
      }
    }
  };
  records.addCallback((result) => each(result, (one) => one.records));
  seconds.addCallback((result) => each(result, (one) => one.seconds));
}
