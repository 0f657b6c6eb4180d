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

/** Of one line and of bounded length; Prometheus ends a text at a zero byte. */
function readable(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is meant
  const clean = name.replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, '\ufffd');
  if (clean.length <= NAME_MAX) return clean;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${clean.slice(0, NAME_MAX - 13).replace(/[\ud800-\udbff]$/, '')}~${digest}`;
}
