/** What would have kept a stop from repeating so much: the commit settings, from measured rates. */
import { countText } from './counts';
import type { RedeliveryEvidence } from './redelivery-evidence';

/** What a stop may repeat, where a person has said nothing else. */
const GOAL_RECORDS = 100;
/** A commit is a round trip to the coordinator; more of them than this a second and partition are not advised. */
const MIN_INTERVAL_MS = 50;

/** Null where no commit could have come in between. */
export function commitAdvice({ first, last, previous, settings }: RedeliveryEvidence): string | null {
  const records = last - first + 1;
  if (records <= 1) return null;
  const spanMs = Math.max(1, previous.lastAt - previous.firstAt);
  const perSecond = ((previous.last - previous.first + 1) / spanMs) * 1000;
  const rate = `At ${countText(perSecond)} records/s`;
  const again = `(this time ${countText(records)})`;
  const intervalMs = Math.floor((GOAL_RECORDS / perSecond) * 1000);
  if (!settings.autoCommit) {
    const every =
      intervalMs >= MIN_INTERVAL_MS
        ? `at least every ${countText(intervalMs)} ms`
        : `after each ${GOAL_RECORDS} records`;
    return `${rate}, commitOffsets ${every} keeps what a stop repeats below ${GOAL_RECORDS} records ${again}.`;
  }
  // kafkajs looks at interval and threshold after each message of eachMessage; in eachBatch only when it is asked.
  const how =
    settings.handler === 'eachBatch' ? ' and await commitOffsetsIfNecessary() after each resolveOffset' : '';
  const configured = settings.autoCommitIntervalMs;
  if (intervalMs >= MIN_INTERVAL_MS && (configured === null || configured > intervalMs)) {
    const instead = configured === null ? '' : ` instead of ${countText(configured)}`;
    return `${rate}, autoCommitInterval: ${intervalMs}${instead}${how} keeps what a stop repeats below ${GOAL_RECORDS} records ${again}.`;
  }
  const { autoCommitThreshold: threshold } = settings;
  if (threshold !== null && threshold <= GOAL_RECORDS) {
    return settings.handler === 'eachBatch'
      ? `Call await commitOffsetsIfNecessary() after each resolveOffset: autoCommitThreshold: ${threshold} is looked at by nothing else within a batch ${again}.`
      : `Commits come every ${threshold} records as it is; what one handler call does between two of them is repeated ${again}.`;
  }
  const commits = Math.max(1, perSecond / GOAL_RECORDS);
  return `${rate}, autoCommitThreshold: ${GOAL_RECORDS}${how} keeps what a stop repeats below ${GOAL_RECORDS} records ${again}, at ${countText(commits)} commits/s.`;
}
