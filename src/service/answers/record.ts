import { suggestion } from '../../config/nearest';
import { fail } from '../../errors';
import { attemptOf, outcomeOf, type RunSpan, segmentsOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  type CommitRow,
  commitBefore,
  commitPast,
  hitsOver,
  type PlaceRow,
  placesOf,
  positionPast,
  type RecordRunRow,
  type RewindRow,
  rememberedAt,
  rewindsOver,
  runsOver,
  seeksBefore,
  takeoversBetween,
  topicNames,
  topicsNamed,
  type WhyRow,
  whyAgain,
} from '../../store/queries';
import type { RecordHistory } from '../schemas';
import { clipped, rfc3339 } from '../time';
import { copiesOf } from './duplicates';

const EVENTS_SHOWN = 100;

type InGroup = RecordHistory['history'][number];

/** Every delivery of one record to every group, or one; commits and seeks that went over it. */
export function recordAnswer(
  db: Store,
  place: { topic: string; partition: number; offset: number },
  query: { cluster?: string | undefined; group?: string | undefined },
): RecordHistory {
  const { topic, partition, offset } = place;
  const places = placesOf(db, { ...query, topic, partition });
  const copies = copiesOf(db, place, query.cluster);
  const written = writtenAt(db, place, query.cluster);
  if (places.length === 0 && copies.length === 0 && written.length === 0) refuse(db, place, query);
  const history = places.map((row) => historyOf(db, row, offset));
  return { topic, partition, offset, written, copies, history };
}

/** What windows remember of the record, in each topic of that name. */
function writtenAt(
  db: Store,
  { topic, partition, offset }: { topic: string; partition: number; offset: number },
  cluster: string | undefined,
): RecordHistory['written'] {
  return topicsNamed(db, topic, cluster).flatMap((row) => {
    const found = rememberedAt(db, { topic: row.id, partition, offset });
    if (found === undefined) return [];
    const { at, producer, hash } = found;
    return [{ cluster: row.cluster, topic_id: row.topicId, at: rfc3339(at), producer, identity_hash: hash }];
  });
}

function refuse(
  db: Store,
  place: { topic: string; partition: number },
  query: { cluster?: string | undefined; group?: string | undefined },
): never {
  const name = clipped(place.topic);
  if (topicsNamed(db, place.topic, query.cluster).length === 0) {
    fail('not-found', `No topic "${name}" is known.${suggestion(place.topic, topicNames(db))}`);
  }
  const group = query.group === undefined ? 'No group' : `The group "${clipped(query.group)}"`;
  fail('not-found', `${group} is known to read partition ${place.partition} of "${name}".`);
}

function historyOf(db: Store, place: PlaceRow, offset: number): InGroup {
  const rows = new Map(runsOver(db, place.gp, offset).map((row) => [row.id, row]));
  const copies = segmentsOf([...rows.values()].map(spanOf), offset, offset)[0]?.copies ?? [];
  const hits = new Set(hitsOver(db, place.gp, offset).map(({ sessionKey, run }) => `${sessionKey} ${run}`));
  const deliveries = copies.map(({ run, doubt }, index) =>
    deliveryShape(rows.get(run.id) as RecordRunRow, offset, {
      attempt: attemptOf(copies, index),
      certain: doubt === 0,
      hit: hits.has(`${run.sessionKey} ${run.run}`),
      redelivery: whyShape(whyAgain(db, run.id, offset)),
    }),
  );
  const certain = copies.filter((copy) => copy.doubt < 2).length;
  const from = copies[0]?.run.firstAt ?? 0;
  const again = copies.slice(1).map(({ run }) => run.firstAt);
  return {
    cluster: place.cluster,
    group: place.group,
    topic_id: place.topicId,
    deliveries_certain: certain,
    deliveries_uncertain: copies.length - certain,
    deliveries,
    events: eventsOf(db, place.gp, offset, from, again),
  };
}

function spanOf(row: RecordRunRow): RunSpan {
  const { id, sessionKey, run, first, last, handled, uncertainLast, firstAt, lastAt, outcome } = row;
  return { id, sessionKey, run, first, last, handled, uncertainLast, firstAt, lastAt, outcome };
}

function whyShape(row: WhyRow | undefined): InGroup['deliveries'][number]['redelivery'] {
  if (row === undefined) return null;
  const { id, incident, cause, certainty, because, advice } = row;
  return { id, incident, cause, certainty, because: JSON.parse(because) as string[], advice };
}

function deliveryShape(
  row: RecordRunRow,
  offset: number,
  told: Pick<InGroup['deliveries'][number], 'attempt' | 'certain' | 'hit' | 'redelivery'>,
): InGroup['deliveries'][number] {
  const outcome = outcomeOf(row, offset) ?? 'uncertain';
  return {
    ...told,
    // A run keeps the times of its ends alone; it is closed after 10 s.
    not_before: rfc3339(offset >= row.last ? row.lastAt : row.firstAt),
    not_after: rfc3339(offset === row.first ? row.firstAt : row.lastAt),
    outcome,
    error: outcome === 'handled' ? null : row.error,
    session: row.sessionKey,
    host: row.host,
    pid: row.pid,
    client_id: row.clientId,
    member_id: row.memberId,
    generation: row.generation,
    run_first_offset: row.first,
    run_last_offset: row.last,
  };
}

/**
 * @param from when it was delivered first, unix ms
 * @param again when each further delivery began
 */
function eventsOf(
  db: Store,
  gp: number,
  offset: number,
  from: number,
  again: readonly number[],
): InGroup['events'] {
  const passed = commitPast(db, gp, offset, from) ?? positionPast(db, gp, offset, from);
  const before = again.slice(0, EVENTS_SHOWN).map((at) => commitBefore(db, gp, at));
  const commits = new Map(
    [passed, ...before].filter((row) => row !== undefined).map((row) => [`${row.at} ${row.committed}`, row]),
  );
  const lastAt = again.at(-1) ?? from;
  const events = [
    ...[...commits.values()]
      .filter((row) => row.loweredFrom === null)
      .map((row) => eventShape('committed', row)),
    ...takeoversBetween(db, gp, from, lastAt, EVENTS_SHOWN).map((row) => eventShape('taken_over', row)),
    ...rewindsOver(db, gp, offset, EVENTS_SHOWN).map(rewindEvent),
    ...seeksBefore(db, gp, offset, from, EVENTS_SHOWN).map(({ target, ...row }) =>
      eventShape('seek', { ...row, committed: Number(target), loweredFrom: null }),
    ),
  ];
  return events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Seen by the consumer that committed it, from outside, or by both: one event. */
function rewindEvent({ at, from, to, host, pid, clientId }: RewindRow): InGroup['events'][number] {
  return {
    kind: 'commit_lowered',
    at: rfc3339(at),
    offset: to,
    from_offset: from,
    host,
    pid,
    client_id: clientId,
  };
}

function eventShape(kind: InGroup['events'][number]['kind'], row: CommitRow): InGroup['events'][number] {
  return {
    kind,
    at: rfc3339(row.at),
    offset: row.committed,
    from_offset: row.loweredFrom,
    host: row.host,
    pid: row.pid,
    client_id: row.clientId,
  };
}
