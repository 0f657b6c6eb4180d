/**
 * /metrics: read from the store at each scrape, so a restart of the service changes nothing. Counters are totals of
 * the store, which only grow: what comes late is added, what is taken back later stays counted, and retention leaves
 * them alone. No label ever carries a record's key, an id or a host; partition stands on gauges alone; how many label
 * sets there are is bounded (see label-sets).
 */
import type { Logger } from 'pino';
import type { Store } from '../../store/open';
import { droppedTotal, fileFacts, unreadTotals } from '../../store/queries';
import type { AnswerContext } from '../answers';
import type { Watching } from '../lag';
import { Family, registryFor, textOf } from './family';
import { groupMetrics } from './groups';
import { DeliveringSets, LabelSets } from './label-sets';
import { nowMetrics } from './now';
import { topicMetrics } from './topics';

/** So many groups, groups with their topics, and topics are told by themselves. */
const SETS_MAX = 1_000;
const TOPICS_OF_GROUP_MAX = 20;

/** A bound of label sets. */
type Limit = Pick<LabelSets, 'of' | 'beyond'>;

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
    const delivering = new DeliveringSets(SETS_MAX, TOPICS_OF_GROUP_MAX);
    const places = new LabelSets('group_topic', SETS_MAX);
    const groups = new LabelSets('group', SETS_MAX);
    const topics = new LabelSets('topic', SETS_MAX);
    const counted = groupMetrics(db, { delivering, places, groups });
    const now = nowMetrics(db, context, { delivering, places, groups });
    const observed = topicMetrics(db, topics, context.now);
    const limits = [delivering, places, groups, topics, ...now.limits];
    this.say(limits);
    const own = [...this.ownMetrics(db, context), limitMetrics(limits)];
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
    const unread = new Family({
      name: 'dupescope_unread_total',
      type: 'counter',
      unit: 'records or batches',
      help: 'What observers passed over: unknown and unreadable records of groups, old and unreadable batches and missed records of topics',
    });
    for (const { cluster, observer, what, count } of unreadTotals(db)) {
      unread.add({ cluster, observer, what }, count);
    }
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
    return [dropped, unread, ready, bytes, build];
  }

  /** When a bound is reached, and again when twice as many are beyond it. */
  private say(limits: readonly Limit[]): void {
    for (const { of, beyond } of limits) {
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

function limitMetrics(limits: readonly Limit[]): Family {
  const beyond = new Family({
    name: 'dupescope_label_sets_in_other',
    type: 'gauge',
    unit: 'label sets',
    help: 'How many groups, topics or partitions are told together as `other`, because there are too many',
  });
  for (const { of, beyond: count } of limits) beyond.add({ of }, count);
  return beyond;
}
