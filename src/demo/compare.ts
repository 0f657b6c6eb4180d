/**
 * Ground truth against ledger, record by record. Pure, and on purpose without the ledger's own code: what a run
 * says is counted here anew, by the words of its columns.
 *
 *     certain  = runs whose [first..last] holds the record, without what was in flight at a kill
 *     possible = certain + in flight ([handled..last] of an in_flight run) + uncertain ((last..uncertainLast])
 *
 * The answer is right when certain <= truth <= possible: where nothing is in doubt, that is equality. The findings
 * of the service are held against the truth in the same way.
 */
import type { TruthDelivery } from './truth';

/** A row of `delivery_run`, with names for ids. */
export interface RunRow {
  group: string;
  topic: string;
  partition: number;
  first: number;
  last: number;
  /** Next offset after the last handled one. */
  handled: number;
  uncertainLast: number;
  outcome: string;
}

/** A redelivery as the service tells it. */
export interface Finding {
  group: string;
  topic: string;
  partition: number;
  first: number;
  last: number;
  /** Unix ms. */
  at: number;
  certain: boolean;
  /** Why, as the service says. */
  cause: string;
}

/** Deliveries of one record to one group, by both sides. */
export interface RecordAnswer {
  topic: string;
  partition: number;
  offset: number;
  truth: number;
  certain: number;
  possible: number;
}

export interface GroupComparison {
  group: string;
  /** Different records that either side knows of. */
  records: number;
  truth: { deliveries: number; redeliveries: number };
  /** `redeliveries`: from the certain ones alone to the most that is possible. */
  ledger: { deliveries: number; redeliveries: [least: number, most: number] };
  inFlight: number;
  uncertain: number;
  /** Every record of which the runs tell a wrong number. */
  wrong: RecordAnswer[];
  /** Every record of which the findings, counted as deliveries beyond the first, tell a wrong number. */
  wrongFindings: RecordAnswer[];
}

/** All counts of one record; those of the findings are deliveries beyond the first. */
interface Count {
  truth: number;
  certain: number;
  inFlight: number;
  uncertain: number;
  found: number;
  perhapsFound: number;
}

class Counts {
  private readonly places = new Map<string, Map<number, Count>>();

  at(topic: string, partition: number, offset: number): Count {
    const place = `${topic}/${partition}`;
    const offsets = this.places.get(place) ?? new Map<number, Count>();
    this.places.set(place, offsets);
    const count = offsets.get(offset) ?? {
      ...{ truth: 0, certain: 0, inFlight: 0, uncertain: 0 },
      ...{ found: 0, perhapsFound: 0 },
    };
    offsets.set(offset, count);
    return count;
  }

  *all(): Generator<Count & { topic: string; partition: number; offset: number }> {
    for (const [place, offsets] of this.places) {
      const slash = place.lastIndexOf('/');
      const [topic, partition] = [place.slice(0, slash), Number(place.slice(slash + 1))];
      for (const [offset, count] of offsets) yield { topic, partition, offset, ...count };
    }
  }
}

/** Compares every record of every group that any side names; groups in the order of their names. */
export function compare(
  truth: Iterable<TruthDelivery>,
  runs: Iterable<RunRow>,
  findings: Iterable<Finding>,
): GroupComparison[] {
  const groups = new Map<string, Counts>();
  const of = (group: string): Counts => {
    const counts = groups.get(group) ?? new Counts();
    groups.set(group, counts);
    return counts;
  };
  for (const { group, topic, partition, offset } of truth) of(group).at(topic, partition, offset).truth++;
  for (const run of runs) countRun(of(run.group), run);
  for (const finding of findings) countFinding(of(finding.group), finding);
  return [...groups]
    .map(([group, counts]) => summed(group, counts))
    .sort((a, b) => (a.group < b.group ? -1 : 1));
}

function countRun(counts: Counts, run: RunRow): void {
  const sure = run.outcome === 'in_flight' ? Math.min(run.handled - 1, run.last) : run.last;
  for (let offset = run.first; offset <= run.uncertainLast; offset++) {
    const count = counts.at(run.topic, run.partition, offset);
    if (offset <= sure) count.certain++;
    else if (offset <= run.last) count.inFlight++;
    else count.uncertain++;
  }
}

function countFinding(counts: Counts, { topic, partition, first, last, certain }: Finding): void {
  for (let offset = first; offset <= last; offset++) {
    const count = counts.at(topic, partition, offset);
    if (certain) count.found++;
    else count.perhapsFound++;
  }
}

function summed(group: string, counts: Counts): GroupComparison {
  const sum: GroupComparison = {
    group,
    records: 0,
    truth: { deliveries: 0, redeliveries: 0 },
    ledger: { deliveries: 0, redeliveries: [0, 0] },
    inFlight: 0,
    uncertain: 0,
    wrong: [],
    wrongFindings: [],
  };
  for (const { topic, partition, offset, ...count } of counts.all()) {
    const { truth, certain } = count;
    const possible = certain + count.inFlight + count.uncertain;
    sum.records++;
    sum.truth.deliveries += truth;
    sum.truth.redeliveries += Math.max(0, truth - 1);
    sum.ledger.deliveries += certain;
    sum.ledger.redeliveries[0] += Math.max(0, certain - 1);
    sum.ledger.redeliveries[1] += Math.max(0, possible - 1);
    sum.inFlight += count.inFlight;
    sum.uncertain += count.uncertain;
    const answer = { topic, partition, offset, truth };
    if (truth < certain || truth > possible) sum.wrong.push({ ...answer, certain, possible });
    const found = { certain: 1 + count.found, possible: 1 + count.found + count.perhapsFound };
    // A record that was never delivered has no redelivery either.
    if (Math.max(1, truth) < found.certain || truth > found.possible) {
      sum.wrongFindings.push({ ...answer, ...found });
    }
  }
  for (const wrong of [sum.wrong, sum.wrongFindings]) {
    wrong.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }
  return sum;
}
