/**
 * Spans of idempotency hits. A hit is told while the handler has its record:
 *
 *     the record has a span (a redelivery, or one that was chosen) -> that span is told of the hit
 *     it has none (a duplicate that comes for the first time)      -> one is made, from when the record was handed over,
 *                                                                     that ends with the handler
 */
import type { DeliverySpans, HitShape, Standing } from '../telemetry';
import type { KafkaMessage } from './client-shape';
import { recordOf } from './traced-handler';
import type { BatchInHand, Track } from './track';

/** A batch may be all redelivered, or fail: spans of so many records take 2 ms, more would hold up the event loop. */
export const BATCH_SPANS_MAX = 128;

/** False: the record has no span. */
export function toldOfHit(track: Track, message: KafkaMessage, hit: HitShape, standing: Standing): boolean {
  const offset = Number(message.offset);
  const own =
    track.spanned === message ? track.span : batchOf(track)?.ones.find((one) => one.offset === offset)?.one;
  own?.hit(hit, standing);
  return Boolean(own);
}

/** Of a batch, so many at most, redelivered records included: what has a span by choice alone takes no room. */
export function startHit(
  spans: DeliverySpans,
  track: Track,
  message: KafkaMessage,
  hit: HitShape,
  standing: Standing,
): void {
  const batch = batchOf(track);
  track.hitSpans ??= [];
  if (track.hitSpans.length + (batch?.wanted ?? 0) >= BATCH_SPANS_MAX) return;
  const startedAt = track.batch === null ? track.begunAt : undefined;
  const record = recordOf(message);
  const one =
    batch === null
      ? spans.start(record, standing, true, startedAt)
      : spans.startWithin(batch.batch, record, standing, true).one;
  one.hit(hit, standing);
  track.hitSpans.push({ offset: record.offset, one });
  if (track.batch !== null) return;
  track.spanned = message;
  track.span = one;
}

/** The batch's span, where it has one, is told of all. */
export function countHits(track: Track, hits: number): void {
  const batch = batchOf(track);
  if (batch === null || hits === 0) return;
  batch.hits += hits;
  batch.batch.span.setAttribute('dupescope.batch.hits', batch.hits);
}

/** Those that were made here end with what the handler had in hand; well where that was handled before it threw. */
export function endHits(track: Track, failed?: { error: unknown }): void {
  const { hitSpans } = track;
  track.hitSpans = null;
  for (const { offset, one } of hitSpans ?? []) {
    if (failed === undefined || (track.batch !== null && offset < track.handledTo)) one.ended();
    else one.failed(failed.error);
  }
}

function batchOf(track: Track): BatchInHand | null {
  return track.batch === null ? null : track.batchSpan;
}
