/**
 * Trace ids of the latest redeliveries, for the counters that they stand in. A record's trace follows from its place
 * (see telemetry/place-ids): there lie its deliveries, where it carried no trace of its own, and the finding's span,
 * whatever it carried. That one comes when the cause is settled: of others no trace is named, as it may not be there.
 */
import type { Store } from '../../store/open';
import { latestRedeliveries } from '../../store/queries';
import { PlaceIds } from '../../telemetry/place-ids';
import type { Exemplar } from './family';

/** So many of the latest are looked at: a series without one among them had nothing new for long. */
const LATEST = 500;

export class Exemplars {
  private readonly latest = new Map<string, Exemplar>();

  constructor(db: Store) {
    for (const row of latestRedeliveries(db, LATEST)) {
      if (row.settled === 0) continue;
      const { cluster, group, topic, first, last, at, cause } = row;
      const ids = new PlaceIds({ ...row, clusterId: cluster }, group);
      const exemplar = { traceId: ids.trace(first), value: last - first + 1, at };
      this.note([cluster, group, topic], exemplar);
      this.note([cluster, group, topic, cause], exemplar);
    }
  }

  /** @param names cluster, group, topic, and the cause where it counts by causes */
  of(...names: string[]): { exemplar?: Exemplar } {
    const exemplar = this.latest.get(JSON.stringify(names));
    return exemplar === undefined ? {} : { exemplar };
  }

  /** The first one told is the latest. */
  private note(names: string[], exemplar: Exemplar): void {
    const key = JSON.stringify(names);
    if (!this.latest.has(key)) this.latest.set(key, exemplar);
  }
}
