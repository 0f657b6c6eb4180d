/**
 * The bound of /metrics. Names come from a cluster that anybody may fill: so many label sets are told by themselves,
 * those that were known first, and all others in one series named `other`, so that sums stay right. The store never
 * gives an id anew: no label set ever moves from one side to the other, and no counter goes down by it.
 */
import { createHash } from 'node:crypto';
import type { Labels } from './family';

export const OTHER = 'other';
/** Kafka takes group names of 32 kB. */
const NAME_MAX = 200;

export class LabelSets {
  private readonly named = new Map<string, Labels>();
  private readonly others = new Set<string>();

  /**
   * @param of what is bounded: value of the label `of` of dupescope_label_sets_in_other
   * @param max so many are told by themselves
   */
  constructor(
    readonly of: string,
    private readonly max: number,
  ) {}

  /** How many are told as `other`. */
  get beyond(): number {
    return this.others.size;
  }

  /** The labels under which these names are told. Ask in the order in which the store came to know them. */
  labels(names: Readonly<Record<string, string>>): Labels {
    const key = JSON.stringify(Object.values(names));
    const known = this.named.get(key);
    if (known !== undefined) return known;
    const isNamed = this.named.size < this.max && !this.others.has(key);
    if (!isNamed) this.others.add(key);
    const entries = Object.entries(names).map(([label, name]) => [label, isNamed ? readable(name) : OTHER]);
    const labels = Object.fromEntries(entries) as Labels;
    if (isNamed) this.named.set(key, labels);
    return labels;
  }
}

/**
 * Groups that tell of their deliveries, each with its topics. They have a bound of their own: a cluster's thousands of
 * other groups, seen from outside, take no room from them.
 */
export class DeliveringSets {
  readonly of = 'delivering';
  private readonly groups: LabelSets;
  private readonly topics = new Map<Labels, LabelSets>();
  private readonly known = new Set<string>();

  /** So many groups are told by themselves, and so many topics of each. */
  constructor(
    groups: number,
    private readonly topicsMax: number,
  ) {
    this.groups = new LabelSets(this.of, groups);
  }

  get beyond(): number {
    return [...this.topics.values()].reduce((sum, topics) => sum + topics.beyond, this.groups.beyond);
  }

  /** Ask in the order of the groups' first sessions, and of a group's topics as the store came to know them. */
  labels({ topic, ...of }: { cluster: string; group: string; topic: string }): Labels {
    this.known.add(JSON.stringify(of));
    const group = this.groups.labels(of);
    if (group.group === OTHER) return { ...group, topic: OTHER };
    let topics = this.topics.get(group);
    if (topics === undefined) {
      topics = new LabelSets(this.of, this.topicsMax);
      this.topics.set(group, topics);
    }
    return { ...group, ...topics.labels({ topic }) };
  }

  /** Of the group alone; null: it tells of no deliveries. */
  group(of: { cluster: string; group: string }): Labels | null {
    return this.known.has(JSON.stringify(of)) ? this.groups.labels(of) : null;
  }
}

/** Of one line and of bounded length; Prometheus ends a text at a zero byte. */
function readable(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is meant
  const clean = name.replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, '\ufffd');
  if (clean.length <= NAME_MAX) return clean;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${clean.slice(0, NAME_MAX - 13).replace(/[\ud800-\udbff]$/, '')}~${digest}`;
}
