/**
 * /metrics: read from the store at each scrape, so a restart of the service changes nothing. Counters are totals of
 * the store, which only grow: what comes late is added, what is taken back later stays counted, and retention leaves
 * them alone. No label ever carries a record's key, an id or a host; partition stands on gauges alone; how many label
 * sets there are is bounded (see label-sets).
 */
import type { Logger } from 'pino';
import type { Store } from '../../store/open';
import { droppedTotal, fileFacts } from '../../store/queries';
import type { AnswerContext } from '../answers';
import type { Watching } from '../lag';
import { Family, registryFor, textOf } from './family';
import { groupMetrics } from './groups';
import { LabelSets } from './label-sets';
import { nowMetrics } from './now';
import { topicMetrics } from './topics';

/** So many groups with their topics, groups, and topics are told by themselves. */
const SETS_MAX = 1_000;

export interface MetricsText {
  type: string;
  body(): Promise<string>;
}

export class Metrics {
  /** Of each bound: how many were beyond it when that was last said. */
  private readonly said = new Map<string, number>();

  constructor(
    private readonly logger: Logger,
    private readonly observers: readonly Watching[],
  ) {}

  /** @param accept the Accept header */
  scrape(db: Store, accept: string, context: AnswerContext): MetricsText {
    const places = new LabelSets('group_topic', SETS_MAX);
    const groups = new LabelSets('group', SETS_MAX);
    const topics = new LabelSets('topic', SETS_MAX);
    const counted = groupMetrics(db, places, groups);
    const now = nowMetrics(db, context, groups);
    const observed = topicMetrics(db, topics, context.now);
    const bounds = [places, groups, topics, ...now.bounds];
    this.say(bounds);
    const own = [...this.ownMetrics(db, context), boundMetrics(bounds)];
    const families = [...counted, ...now.families, ...observed, ...own];
    const registry = registryFor(accept);
    return { type: registry.contentType, body: () => textOf(registry, families) };
  }

  private ownMetrics(db: Store, { lag, version }: AnswerContext): Family[] {
    const dropped = new Family({
      name: 'dupescope_dropped_detail_total',
      type: 'counter',
      unit: 'deliveries',
      help: 'Deliveries whose detail could not be kept',
    });
    dropped.add({}, droppedTotal(db));
    const ready = new Family({
      name: 'dupescope_observer_ready',
      type: 'gauge',
      unit: 'observers',
      help: '1: what watches the clusters has caught up and reads without an error; 0: not',
    });
    if (lag !== null) ready.add({ observer: 'groups' }, lag.ready() && lag.problem() === null ? 1 : 0);
    if (this.observers.length > 0) ready.add({ observer: 'topics' }, this.observers.every(isWell) ? 1 : 0);
    const bytes = new Family({
      name: 'dupescope_store_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'What the rows of the store fill on disk',
    });
    bytes.add({}, fileFacts(db).bytes);
    const build = new Family({
      name: 'dupescope_build_info',
      type: 'gauge',
      unit: 'services',
      help: 'Always 1; the version of the service that answers',
    });
    build.add({ version }, 1);
    return [dropped, ready, bytes, build];
  }

  /** When a bound is reached, and again when twice as many are beyond it. */
  private say(bounds: readonly LabelSets[]): void {
    for (const { of, beyond } of bounds) {
      if (beyond < 2 * (this.said.get(of) ?? 0.5)) continue;
      this.said.set(of, beyond);
      this.logger.warn(
        { of, beyond },
        'metrics: there are more names than are told by themselves; the rest is counted in the series named other',
      );
    }
  }
}

function isWell(observer: Watching): boolean {
  return observer.ready() && observer.problem() === null;
}

function boundMetrics(bounds: readonly LabelSets[]): Family {
  const beyond = new Family({
    name: 'dupescope_label_sets_in_other',
    type: 'gauge',
    unit: 'label sets',
    help: 'How many groups, topics or partitions are told together as `other`, because there are too many',
  });
  for (const { of, beyond: count } of bounds) beyond.add({ of }, count);
  return beyond;
}
