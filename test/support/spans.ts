/** An application's OpenTelemetry, set up as its documentation says, whose spans stay in memory. */
import { context, metrics, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export class Recorded {
  private readonly exporter = new InMemorySpanExporter();
  private readonly metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  private readonly reader = new PeriodicExportingMetricReader({
    exporter: this.metricExporter,
    exportIntervalMillis: 3_600_000,
  });

  constructor(sampler?: Sampler) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({
        spanProcessors: [new SimpleSpanProcessor(this.exporter)],
        ...(sampler === undefined ? {} : { sampler }),
      }),
    );
  }

  meter(): this {
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.reader] }));
    return this;
  }

  /** Takes everything away that was registered. */
  async remove(): Promise<void> {
    for (const api of [trace, context, propagation, metrics]) api.disable();
    await this.reader.shutdown();
  }

  all(): ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  named(name: string): ReadableSpan[] {
    return this.all().filter((span) => span.name === name);
  }

  /** Of deliveries of the topic, by offset and attempt. */
  deliveries(topic: string): { offset: number; attempt: number; span: ReadableSpan }[] {
    return this.named(`process ${topic}`)
      .filter(({ kind }) => kind === SpanKind.CONSUMER)
      .filter(({ attributes }) => attributes['kafka.offset'] !== undefined)
      .map((span) => ({
        offset: Number(span.attributes['kafka.offset']),
        attempt: Number(span.attributes['dupescope.delivery.attempt']),
        span,
      }))
      .sort((a, b) => a.offset - b.offset || a.attempt - b.attempt);
  }

  async metric(name: string): Promise<{ value: unknown; attributes: Record<string, unknown> }[]> {
    await this.reader.forceFlush();
    const found = this.metricExporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap(({ metrics: of }) => of)
      .find(({ descriptor }) => descriptor.name === name);
    return (found?.dataPoints ?? []) as { value: unknown; attributes: Record<string, unknown> }[];
  }
}

/** What a link says it is for, and where it points. */
export function linksOf(span: ReadableSpan): Record<string, { traceId: string; spanId: string }> {
  return Object.fromEntries(
    span.links.map(({ context: to, attributes }) => [
      String(attributes?.['dupescope.link']),
      { traceId: to.traceId, spanId: to.spanId },
    ]),
  );
}
