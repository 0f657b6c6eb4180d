/** What two copies and their run show, one question each: what the rules of `duplicate-cause` are made of. */
import { countText } from '../ledger';
import { type DuplicateEvidence, EDGE_FIRST, EDGE_LAST } from './duplicate-evidence';

/** A client gives a send up after this (delivery.timeout.ms of the Java client, message.timeout.ms elsewhere 300 s). */
const RETRY_HORIZON_MS = 300_000;
/** kafkajs repeats a request no sooner: its first pause is initialRetryTime (300 ms) less a fifth. Java's keep times. */
const SOONEST_RETRY_MS = 240;
/** Sooner than any pause of a client that is in use. */
const AT_ONCE_MS = 40;
/** Requests that a client has under way at once to one broker (max.in.flight.requests.per.connection). */
export const IN_FLIGHT = 5;
/** From this length on a run of copies has a shape. */
export const RUN_RECORDS = 10;
/** Sequences are 31 bits and begin again at 0. */
const SEQUENCES = 2 ** 31;

export function samePartition({ first, copy }: DuplicateEvidence): boolean {
  return first.partition === copy.partition;
}

export function sameProducer({ first, copy }: DuplicateEvidence): boolean {
  return first.producer?.id === copy.producer?.id;
}

export function sameEpoch(e: DuplicateEvidence): boolean {
  return e.copy.producer !== null && sameProducer(e) && e.first.producer?.epoch === e.copy.producer.epoch;
}

export function noProducers({ first, copy }: DuplicateEvidence): boolean {
  return first.producer === null && copy.producer === null;
}

export function sameEpochOrNone(e: DuplicateEvidence): boolean {
  return noProducers(e) || sameEpoch(e);
}

/** By how many sequences the copy is ahead of the first; negative: behind. Half the circle is ahead. */
export function ahead({ first, copy }: DuplicateEvidence): number {
  const step = (copy.producer?.sequence ?? 0) - (first.producer?.sequence ?? 0);
  const round = ((step % SEQUENCES) + SEQUENCES) % SEQUENCES;
  return round < SEQUENCES / 2 ? round : round - SEQUENCES;
}

/** Nearly all copies of the run have the times of their originals. */
export function keptTimes({ run }: DuplicateEvidence): boolean {
  return run.sameTimes >= run.records * 0.9;
}

/** The very batches again: cut where they were cut, record by record the same. */
export function cutAlike({ run }: DuplicateEvidence): boolean {
  return run.wholeBatches && run.knownEdges === run.records && run.sameEdges === run.records;
}

/** In other batches than the first time: no client's retry does that. */
export function cutAnew({ run }: DuplicateEvidence): boolean {
  return run.sameEdges < run.knownEdges;
}

/** Originals and copies alternate: whoever writes the copies wrote the originals, or follows on their heels. */
export function byTurns({ run }: DuplicateEvidence): boolean {
  return run.between !== null && run.between < 0;
}

/** One batch after the other stands twice at once: not each of so many answers was lost. */
export function tooOften(e: DuplicateEvidence): boolean {
  return byTurns(e) && e.run.batches > IN_FLIGHT;
}

/** Nothing stands between the batch and its copy. */
export function rightBehind(e: DuplicateEvidence): boolean {
  return samePartition(e) && e.copy.offset - e.first.offset === e.copy.batchRecords;
}

/** The copy is alone in its batch, its original was not: the rest of a repeated request is missing. */
export function singledOut({ first, copy, run }: DuplicateEvidence): boolean {
  return copy.batchRecords === 1 && run.knownEdges > 0 && first.edges !== (EDGE_FIRST | EDGE_LAST);
}

/** A client's retry can have come so soon. */
export function pausedBefore({ first, copy }: DuplicateEvidence): boolean {
  return Math.max(copy.at, copy.loggedAt) - first.at >= SOONEST_RETRY_MS;
}

/** What rules a client's retry, a restart and a replay out; null where nothing does. Of producers without ids. */
export function noRetryWords(e: DuplicateEvidence): string | null {
  const { first, copy, run } = e;
  if (run.records >= RUN_RECORDS) return null;
  if (Math.max(copy.at, copy.loggedAt) - first.at < AT_ONCE_MS)
    return ': sooner than a client repeats a request';
  // A producer that was started anew repeats its last records: they follow themselves.
  if (run.between !== null && run.between <= 0) return null;
  if (!run.wholeBatches) return ' and its batch holds other records too';
  if (samePartition(e) ? cutAnew(e) : singledOut(e))
    return ' and stands in another batch than a repeated request would';
  return soon(e) ? null : ': later than a client repeats a request';
}

/** Longer ago, or more at once, than a client's own retry can be. */
export function beyondRetries(e: DuplicateEvidence): boolean {
  const age = e.copy.loggedAt - e.first.at;
  return age > RETRY_HORIZON_MS || e.run.originalSpanMs > RETRY_HORIZON_MS || e.run.batches > IN_FLIGHT;
}

/** As soon as a client's own retry would come. */
export function soon({ first, copy }: DuplicateEvidence): boolean {
  return Math.max(copy.at, copy.loggedAt) - first.at <= RETRY_HORIZON_MS;
}

export function producerWords({ first, copy }: DuplicateEvidence): string {
  if (first.producer === null && copy.producer === null) return 'neither copy has a producer id';
  if (first.producer === null || copy.producer === null) {
    return `producer ${(first.producer ?? copy.producer)?.id} wrote one copy, one without an id the other`;
  }
  if (first.producer.id === copy.producer.id) return `producer ${copy.producer.id} wrote both`;
  return `producer ${first.producer.id} wrote the first and producer ${copy.producer.id}, long at work, the copy`;
}

export function batchWords({ run, copy }: DuplicateEvidence): string {
  if (run.records === 1) return copy.batchRecords === 1 ? 'a batch of one record' : 'the record';
  return `${run.batches === 1 ? 'a batch' : `${countText(run.batches)} batches`} of ${countText(run.records)} records`;
}

export function apart({ first, copy }: DuplicateEvidence): string {
  return seconds(Math.max(copy.at, copy.loggedAt) - first.at);
}

export function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
