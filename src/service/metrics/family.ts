/**
 * One metric of /metrics with its samples, as prom-client's registry writes it. Samples are put in as they stand in the
 * store: nothing is counted here, so that a restart changes nothing. Two samples of the same labels become one.
 */
import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** The trace of something that was counted. */
export interface Exemplar {
  traceId: string;
  /** How much of the counter it was. */
  value: number;
  /** Unix ms. */
  at: number;
}

export interface FamilyFacts {
  /** As Prometheus stores it: a counter's ends in `_total`. */
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** Plural; where the name ends in it, OpenMetrics is told so. */
  unit: string;
  help: string;
  /** What becomes of gauges that share a label set, as those beyond a bound do. Default: their sum. */
  together?: 'max';
}

interface Sample {
  metricName: string;
  labels: Labels;
  value: number;
  exemplar?: { labelSet: Labels; value: number; timestamp: number };
}

export class Family {
  private readonly samples = new Map<string, Sample>();

  constructor(readonly facts: FamilyFacts) {}

  /** @param suffix of a histogram's parts */
  add(
    labels: Labels,
    value: number,
    { exemplar, suffix = '' }: { exemplar?: Exemplar; suffix?: string } = {},
  ): void {
    const key = `${suffix}${JSON.stringify(Object.values(labels))}`;
    let sample = this.samples.get(key);
    if (sample === undefined) {
      sample = { metricName: this.facts.name + suffix, labels, value };
      this.samples.set(key, sample);
    } else {
      sample.value = this.facts.together === 'max' ? Math.max(sample.value, value) : sample.value + value;
    }
    if (exemplar === undefined) return;
    const { traceId, value: of, at } = exemplar;
    sample.exemplar = { labelSet: { trace_id: traceId }, value: of, timestamp: at / 1000 };
  }

  /** As prom-client's own metrics hand themselves over; it takes `_total` off a counter's name for OpenMetrics. */
  forRegistry(): Metric {
    const { facts } = this;
    const metric = {
      name: facts.name,
      type: facts.type,
      get: async () => ({
        name: metric.name,
        type: facts.type,
        help: `${facts.help}. In ${facts.unit}`,
        values: [...this.samples.values()].map((sample) =>
          facts.type === 'counter' ? { ...sample, metricName: metric.name } : sample,
        ),
      }),
    };
    return metric as unknown as Metric;
  }
}

const OPEN_METRICS = /application\/openmetrics-text/i;

/** @param accept the Accept header */
export function registryFor(accept: string): AnyRegistry {
  if (!OPEN_METRICS.test(accept)) return new Registry();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** The registry's text, with the units that prom-client does not write. */
export async function textOf(registry: AnyRegistry, families: readonly Family[]): Promise<string> {
  for (const family of families) registry.registerMetric(family.forRegistry());
  const text = await registry.metrics();
  if (registry.contentType !== Registry.OPENMETRICS_CONTENT_TYPE) return text;
  const units = new Map(families.map(({ facts }) => [facts.name.replace(/_total$/, ''), facts.unit]));
  return text.replace(/^# TYPE (\S+) \S+$/gm, (line, name: string) => {
    const unit = units.get(name);
    return unit !== undefined && name.endsWith(`_${unit}`) ? `${line}\n# UNIT ${name} ${unit}` : line;
  });
}
