/** One redelivery with both of its sides. */
import type { Cause, Certainty, Outcome } from '../../ledger';
import type { Store } from '../open';
import { statement } from './statement';

export interface RedeliveryRow {
  id: number;
  version: number;
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  first: number;
  last: number;
  attempt: number;
  doubt: number;
  at: number;
  previousAt: number;
  incident: number | null;
  cause: Cause;
  certainty: Certainty;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
  session: string;
  host: string;
  pid: number;
  clientId: string | null;
  memberId: string | null;
  generation: number | null;
  runFirst: number;
  runLast: number;
  handled: number;
  uncertainLast: number;
  outcome: Outcome;
  error: string | null;
  previousSession: string;
  previousHost: string;
  previousPid: number;
  previousClientId: string | null;
  previousMemberId: string | null;
  previousGeneration: number | null;
  previousRunFirst: number;
  previousRunLast: number;
  previousHandled: number;
  previousUncertainLast: number;
  previousOutcome: Outcome;
  previousError: string | null;
}

export const REDELIVERY_SELECT = `
  SELECT r.id, r.version, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, t.topic_id AS topicId,
         gp.partition, r.first, r.last, r.attempt, r.doubt, r.at, r.previous_at AS previousAt,
         r.incident, r.cause, r.certainty, r.because, r.advice,
         s.key AS session, s.host, s.pid, s.client_id AS clientId, m.member_id AS memberId, m.generation,
         d.first AS runFirst, d.last AS runLast, d.handled, d.uncertain_last AS uncertainLast, d.outcome, d.error,
         ps.key AS previousSession, ps.host AS previousHost, ps.pid AS previousPid,
         ps.client_id AS previousClientId, pm.member_id AS previousMemberId, pm.generation AS previousGeneration,
         p.first AS previousRunFirst, p.last AS previousRunLast, p.handled AS previousHandled,
         p.uncertain_last AS previousUncertainLast, p.outcome AS previousOutcome, p.error AS previousError
  FROM redelivery r
  JOIN group_partition gp ON gp.id = r.gp
  JOIN consumer_group g ON g.id = gp.grp
  JOIN topic t ON t.id = gp.topic
  JOIN cluster c ON c.id = t.cluster
  JOIN delivery_run d ON d.id = r.run
  JOIN session s ON s.id = d.session
  LEFT JOIN member m ON m.id = d.member
  JOIN delivery_run p ON p.id = r.previous_run
  JOIN session ps ON ps.id = p.session
  LEFT JOIN member pm ON pm.id = p.member`;

/** Undefined when it is gone: a finding may be derived anew under another id, or be past its retention. */
export function redeliveryById(db: Store, id: number): RedeliveryRow | undefined {
  return statement<RedeliveryRow>(db, `${REDELIVERY_SELECT} WHERE r.id = @id`).get({ id });
}

export interface LatestRedeliveryRow {
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  first: number;
  last: number;
  at: number;
  cause: Cause;
  settled: 0 | 1;
}

/** The latest of the whole store, the latest first, without their two sides. */
export function latestRedeliveries(db: Store, limit: number): LatestRedeliveryRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition, r.first,
           r.last, r.at, r.cause, r.settled
    FROM (SELECT gp, first, last, at, cause, settled FROM redelivery INDEXED BY redelivery_by_time
          ORDER BY at DESC, id DESC LIMIT @limit) r
    JOIN group_partition gp ON gp.id = r.gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    ORDER BY r.at DESC`;
  return statement<LatestRedeliveryRow>(db, sql).all({ limit });
}
