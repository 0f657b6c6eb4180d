import { outcomeOf } from '../../ledger';
import type { RedeliveryRow } from '../../store/queries';
import type { Redelivery } from '../schemas';
import { rfc3339, seconds } from '../time';

const DOUBTS = ['none', 'in_flight', 'uncertain'] as const;

/** A row of the store as people see it. */
export function redeliveryShape(row: RedeliveryRow): Redelivery {
  return {
    id: row.id,
    version: row.version,
    at: rfc3339(row.at),
    cluster: row.cluster,
    group: row.group,
    topic: row.topic,
    topic_id: row.topicId,
    partition: row.partition,
    first_offset: row.first,
    last_offset: row.last,
    records: row.last - row.first + 1,
    attempt: row.attempt,
    incident: row.incident,
    certain: row.doubt === 0,
    doubt: DOUBTS[row.doubt] ?? 'uncertain',
    cause: row.cause,
    certainty: row.certainty,
    because: JSON.parse(row.because) as string[],
    advice: row.advice,
    gap_seconds: seconds(row.at - row.previousAt),
    previous_at: rfc3339(row.previousAt),
    delivery: {
      session: row.session,
      host: row.host,
      pid: row.pid,
      client_id: row.clientId,
      member_id: row.memberId,
      generation: row.generation,
      ...fateOf(row, {
        first: row.runFirst,
        last: row.runLast,
        handled: row.handled,
        uncertainLast: row.uncertainLast,
        outcome: row.outcome,
        error: row.error,
      }),
    },
    previous: {
      session: row.previousSession,
      host: row.previousHost,
      pid: row.previousPid,
      client_id: row.previousClientId,
      member_id: row.previousMemberId,
      generation: row.previousGeneration,
      ...fateOf(row, {
        first: row.previousRunFirst,
        last: row.previousRunLast,
        handled: row.previousHandled,
        uncertainLast: row.previousUncertainLast,
        outcome: row.previousOutcome,
        error: row.previousError,
      }),
    },
  };
}

interface RunFacts {
  first: number;
  last: number;
  handled: number;
  uncertainLast: number;
  outcome: RedeliveryRow['outcome'];
  error: string | null;
}

/** What became of the stretch in that run: of its last record, and how many were handled. */
function fateOf(
  place: { first: number; last: number },
  run: RunFacts,
): Pick<Redelivery['delivery'], 'outcome' | 'handled_records' | 'error'> {
  const outcome = outcomeOf(run, place.last) ?? 'uncertain';
  const handled = Math.min(run.handled, place.last + 1) - place.first;
  return {
    outcome,
    handled_records: Math.max(0, handled),
    error: outcome === 'handled' ? null : run.error,
  };
}
