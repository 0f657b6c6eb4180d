/**
 * Why a record is delivered again, as far as the process that gets it can tell at that moment: it called `seek`, its
 * handler threw, or left the record unresolved. The same rules as the ledger's (`ledger/cause`), which knows the rest
 * later: what became of other processes, of their commits and of the group.
 */
import type { Cause, Certainty } from '../ledger';
import type { Session } from './session';
import type { PastDelivery } from './sink';
import type { Track } from './track';

/** Null: the ledger has to tell. */
export function knownCause(
  session: Session,
  track: Track,
  offset: number,
  previous: PastDelivery,
): { cause: Cause; certainty: Certainty } | null {
  // By the same member: what others did stands in the past that the ledger told.
  const own = track.own.findLast(({ first, last }) => first <= offset && offset <= last);
  const seek = session.seekOf(track);
  if (seek !== null && seek.at >= (own?.from ?? previous.at) && seek.target <= offset) {
    // Of another session's delivery the time is that of another clock.
    return { cause: 'seek', certainty: own === undefined ? 'probable' : 'proven' };
  }
  if (own === undefined || offset < own.handled) return null;
  if (own.outcome === 'failed') return { cause: 'handler_error', certainty: 'proven' };
  return own.outcome === 'unresolved' ? { cause: 'left_unresolved', certainty: 'proven' } : null;
}
