/**
 * Why a record was delivered again: a table of rules, read from top to bottom, the first that fits decides. Each rule
 * names what it saw in words and what to change. Where no rule fits the cause is `unknown`; nothing is guessed.
 */
import { commitAdvice } from './commit-advice';
import { countText } from './counts';
import type { Cause, CopyEvidence, Explanation, RedeliveryEvidence } from './redelivery-evidence';

/** Kafka's words for UNKNOWN_MEMBER_ID, as kafkajs 2.2.4 has them. */
const NO_MEMBER = /not aware of this member/;

interface Rule {
  cause: Cause;
  /** Null: the rule does not fit. */
  explain(e: RedeliveryEvidence): Omit<Explanation, 'cause'> | null;
}

const RETENTION_ADVICE =
  'Keep records longer than the longest stop of the group (retention.ms, retention.bytes).';

const RULES: readonly Rule[] = [
  {
    // Each finding is of a copy and of the one before: which was the one before is what is not known.
    cause: 'unknown',
    explain: (e) =>
      e.isOrderInDoubt
        ? {
            certainty: 'unknown',
            because: [
              'the clocks of its consumers differ, and of three deliveries or more it is not certain which came after which',
              committedWords(e),
            ],
            advice: 'Keep the clocks of the consumers together (NTP that slews and does not step).',
          }
        : null,
  },
  {
    cause: 'seek',
    explain: (e) =>
      e.seek === null || !seekFits(e) || !soughtByCopy(e)
        ? null
        : {
            // A join in between makes the committed offset count, which the seek may have been or not.
            certainty: e.copy.joinedAt === null || e.seek.at >= e.copy.joinedAt ? 'proven' : 'probable',
            because: [
              `${e.copy.name} called seek(${e.seek.target}) ${seconds(e.copy.firstAt - e.seek.at)} before it got offset ${e.copy.first} again`,
            ],
            advice: null,
          },
  },
  {
    cause: 'handler_error',
    explain: (e) =>
      sameMember(e) &&
      e.previous.outcome === 'failed' &&
      e.copy.first <= e.previous.last + 1 &&
      e.last >= threwAt(e)
        ? {
            certainty: 'proven',
            because: [
              `the handler threw at offset ${threwAt(e)}${e.previous.error === null ? '' : ` (${e.previous.error})`}`,
              `the same member got the record again ${seconds(e.copy.firstAt - e.previous.lastAt)} later, with no new join`,
            ],
            advice:
              e.previous.last > e.previous.handled
                ? 'Resolve each record of the batch once it is handled (resolveOffset), so that an error repeats only what is left.'
                : 'Make the handler safe to repeat, and send what always fails to a dead-letter topic.',
          }
        : null,
  },
  {
    // The consumer crashed by it, or its partition moved before the next try.
    cause: 'handler_error',
    explain: (e) =>
      isFreshStart(e) && e.previous.outcome === 'failed' && e.first >= threwAt(e) && !isKafkasOwn(e)
        ? {
            certainty: 'proven',
            because: [
              `the handler of ${e.previous.name} threw at offset ${threwAt(e)}${e.previous.error === null ? '' : ` (${e.previous.error})`}`,
              committedWords(e),
            ],
            advice: 'Make the handler safe to repeat, and send what always fails to a dead-letter topic.',
          }
        : null,
  },
  {
    cause: 'left_unresolved',
    explain: (e) =>
      sameMember(e) && e.previous.outcome === 'unresolved' && e.last >= e.previous.handled
        ? {
            certainty: 'proven',
            because: [
              `the handler returned and left offsets ${e.previous.handled} to ${e.previous.last} unresolved`,
            ],
            advice: 'Resolve every record that was handled before the eachBatch handler returns.',
          }
        : null,
  },
  {
    cause: 'zombie',
    explain: (e) => {
      const { copy, previous } = e;
      if (copy.session === previous.session) return null;
      // Of a group that was deleted the generations begin anew: the joins must tell the same.
      const joinedBefore =
        copy.joinedAt !== null && previous.joinedAt !== null && copy.joinedAt < previous.joinedAt;
      const known = copy.generation !== null && previous.generation !== null;
      const older = known && (copy.generation as number) < (previous.generation as number);
      if (!joinedBefore || (known && !older)) return null;
      // The joins' times are of two clocks that are known to differ: they tell nothing.
      if (e.clocksDiffer && !known) return null;
      // A run has the times of its first and its last record alone: of two at once either may have been the first.
      const after = copy.firstAt > previous.lastAt;
      return {
        // Without generations it rests on two clocks.
        certainty: known && after ? 'proven' : 'probable',
        because: [
          known
            ? `${copy.name} still delivered for generation ${copy.generation} when ${previous.name} had the partition in generation ${previous.generation}`
            : `${copy.name} still delivered as the member it had been before ${previous.name} joined and got the partition`,
        ],
        advice: `Keep each record below the session time-out of ${seconds(e.settings.sessionTimeoutMs)}, or call heartbeat() in the handler.`,
      };
    },
  },
  {
    // The same, but the late delivery came a moment before that of the new owner.
    cause: 'zombie',
    explain: (e) => {
      const { copy, previous } = e;
      if (copy.session === previous.session || e.evicted === null || copy.joinedAt === null) return null;
      if (previous.firstAt <= copy.joinedAt) return null;
      return {
        certainty: 'probable',
        because: [
          `${previous.name} had lost its membership and still delivered when ${copy.name} had joined and got the partition`,
        ],
        advice: `Keep each record below the session time-out of ${seconds(e.settings.sessionTimeoutMs)}, or call heartbeat() in the handler.`,
      };
    },
  },
  {
    cause: 'truncated',
    explain: (e) => {
      const { start } = e;
      const end = start?.logEnd ?? null;
      if (!isFreshStart(e) || start === null || end === null) return null;
      const isRewritten = e.last >= end;
      const committed = Math.max(start.committed ?? 0, e.committed?.offset ?? 0);
      if (!isRewritten && committed <= end) return null;
      return {
        // A new leader's high watermark may lag behind its log for a moment.
        certainty: 'probable',
        because: [
          `${isRewritten ? `offset ${e.previous.last} had been delivered` : `${committed} had been committed`}, and the log ended at ${end} when ${e.copy.name} took the partition over`,
          isRewritten
            ? `what stands from offset ${end} on was written later: it is another record`
            : 'the group began anew where its reset policy says',
        ],
        advice:
          'The log lost its end (an unclean leader election, or a broker that lost its disk): produce with acks=all, keep min.insync.replicas at 2 or more, and unclean.leader.election.enable=false.',
      };
    },
  },
  {
    cause: 'offsets_expired',
    explain: (e) =>
      isFreshStart(e) &&
      e.start?.committed === null &&
      e.committed !== null &&
      e.lowered === null &&
      !wasSoBefore(e)
        ? {
            certainty: 'proven',
            because: [
              `offset ${e.committed.offset} had been committed ${seconds(e.copy.firstAt - e.committed.at)} before`,
              'when the partition was taken over the group had no committed offset',
            ],
            advice:
              'Look who deleted the group or its offsets, and raise offsets.retention.minutes above the longest stop.',
          }
        : null,
  },
  {
    cause: 'out_of_range',
    explain: (e) => {
      const { start } = e;
      if (e.lowered !== null && e.lowered.to < 0) {
        return {
          certainty: 'proven',
          because: [`kafkajs found the offset outside of the log and committed ${e.lowered.to}`],
          advice: RETENTION_ADVICE,
        };
      }
      if (!isFreshStart(e) || start === null || start.committed === null) return null;
      const isReset = start.committed < 0;
      const isGone = isBelowLog(start) && e.copy.first >= (start.logStart as number);
      if (!isReset && !isGone) return null;
      const { previousStart } = e;
      if (previousStart !== null && isBelowLog(previousStart) && wasSoBefore(e)) return null;
      return {
        certainty: 'proven',
        because: [
          isReset
            ? `kafkajs found the committed offset outside of the log and committed ${start.committed}`
            : `the committed offset ${start.committed} lay before the log's start ${start.logStart}`,
        ],
        advice: RETENTION_ADVICE,
      };
    },
  },
  {
    cause: 'reset',
    explain: (e) => {
      const { start, committed } = e;
      if (!isFreshStart(e) || committed === null || e.lowered !== null || e.seek !== null) return null;
      if (start === null || start.committed === null || wasSoBefore(e)) return null;
      if (start.committed >= committed.offset || start.committed > e.first) return null;
      return {
        certainty: 'proven',
        because: [
          `offset ${committed.offset} had been acknowledged as committed`,
          `when ${e.copy.name} took the partition over, the committed offset was ${start.committed}`,
          'none of the observed consumers had set it back',
        ],
        advice: null,
      };
    },
  },
  {
    cause: 'off_by_one',
    explain: (e) =>
      // With the next one, whose commit was under way.
      isFreshStart(e) && e.shortCommit !== null && e.first === e.shortCommit.offset && e.last <= e.first + 1
        ? {
            certainty: 'probable',
            because: [
              `${e.previous.name} had handled offset ${e.first} and then committed ${e.shortCommit.offset}, not ${e.first + 1}`,
            ],
            advice: 'Commit offset + 1: the committed offset is the next one to read.',
          }
        : null,
  },
  {
    cause: 'killed_before_commit',
    explain: (e) => {
      const { previousEnd } = e;
      if (!isFreshStart(e) || previousEnd === null || !['died', 'exit'].includes(previousEnd.how))
        return null;
      if (e.evicted !== null || !committedBelow(e)) return null;
      return {
        certainty: 'proven',
        because: [
          `the process of ${e.previous.name} ${previousEnd.how === 'died' ? 'was killed' : 'ended without disconnecting'} ${seconds(e.copy.firstAt - previousEnd.at)} before`,
          committedWords(e),
        ],
        advice: commitAdvice(e),
      };
    },
  },
  {
    cause: 'session_timeout',
    explain: (e) => {
      if (!isFreshStart(e) || e.evicted === null || !committedBelow(e)) return null;
      const { silentMs } = e.evicted;
      const slow = silentMs >= e.settings.sessionTimeoutMs;
      // Both were at it at once: which delivery of a record was the first is not known, and it may be a zombie's.
      const apart = e.copy.firstAt > e.previous.lastAt;
      const refused = commitFailed(e);
      return {
        certainty: slow && apart && !refused ? 'proven' : 'probable',
        because: [
          `${e.previous.name} lost its membership with no rebalance announced`,
          `it handled ${handledWords(e.previous)} and had not reached the group for ${seconds(silentMs)}; the session time-out is ${seconds(e.settings.sessionTimeoutMs)}`,
          committedWords(e),
          ...(refused ? [`before that a commit of it had failed: ${e.failedCommit?.reason}`] : []),
        ],
        advice: `Raise sessionTimeout above ${seconds(Math.ceil((silentMs * 1.5) / 1000) * 1000)}, or call heartbeat() while a record is handled.`,
      };
    },
  },
  {
    // Its session did not live to join anew, but the group had told it that it was no member any more.
    cause: 'session_timeout',
    explain: (e) =>
      isFreshStart(e) && committedBelow(e) && commitFailed(e) && NO_MEMBER.test(e.failedCommit?.reason ?? '')
        ? {
            certainty: 'probable',
            because: [
              `a commit of ${e.previous.name} was refused: ${e.failedCommit?.reason}`,
              committedWords(e),
            ],
            advice: `Keep each record below the session time-out of ${seconds(e.settings.sessionTimeoutMs)}, or call heartbeat() in the handler.`,
          }
        : null,
  },
  {
    cause: 'commit_failed',
    explain: (e) =>
      isFreshStart(e) && commitFailed(e) && committedBelow(e)
        ? {
            certainty: 'probable',
            because: [`a commit of ${e.previous.name} failed: ${e.failedCommit?.reason}`, committedWords(e)],
            advice:
              'Look at the broker and the network at that time; the record was handled and could not be committed.',
          }
        : null,
  },
  {
    // One of the records comes again because it was committed instead of the next, the others because they were not
    // committed at all: no cause is right for all of them.
    cause: 'unknown',
    explain: (e) =>
      isFreshStart(e) &&
      e.shortCommit !== null &&
      e.first <= e.shortCommit.offset &&
      e.shortCommit.offset <= e.last
        ? {
            certainty: 'unknown',
            because: [
              committedWords(e),
              `offset ${e.shortCommit.offset} had been handled, and was committed instead of the next one`,
            ],
            advice: 'Commit offset + 1: the committed offset is the next one to read.',
          }
        : null,
  },
  {
    cause: 'rebalance_before_commit',
    explain: (e) => {
      if (!isFreshStart(e) || !committedBelow(e)) return null;
      const stopped = e.previousEnd !== null;
      if (!stopped && !e.movedOn) return null;
      if (!stopped && e.previous.session === e.copy.session && e.copy.joinedAt === null) return null;
      // Refused after the new owner had begun: mostly because of the rebalance, and it need not be.
      const refused = e.failedCommit !== null && !commitFailed(e);
      return {
        certainty: refused ? 'probable' : 'proven',
        because: [
          stopped
            ? `${e.previous.name} stopped (${e.previousEnd?.how}) without committing what it had handled`
            : `the group was rebalanced ${e.copy.joinedAt === null ? '' : `${seconds(e.copy.firstAt - e.copy.joinedAt)} `}before`,
          committedWords(e),
          ...(refused ? [`a commit of ${e.previous.name} failed: ${e.failedCommit?.reason}`] : []),
        ],
        advice: commitAdvice(e),
      };
    },
  },
];

/** The first rule that fits. */
export function explain(evidence: RedeliveryEvidence): Explanation {
  for (const { cause, explain: fits } of RULES) {
    const found = fits(evidence);
    if (found !== null) return { cause, ...doubted(evidence, found) };
  }
  return {
    cause: 'unknown',
    certainty: 'unknown',
    because: [
      evidence.movedOn || evidence.copy.session === evidence.previous.session
        ? 'no rule fits what was seen'
        : `nothing was heard of ${evidence.previous.name} since: it may have been killed, and its host has not told it yet`,
      committedWords(evidence),
    ],
    advice: null,
  };
}

/** Where the times of the two sides cannot be compared, or a copy is in doubt, nothing that follows is proven. */
function doubted(
  { copy, previous, clocksDiffer, isDoubtful }: RedeliveryEvidence,
  found: Omit<Explanation, 'cause'>,
): Omit<Explanation, 'cause'> {
  if (found.certainty === 'unknown') return found;
  if (!clocksDiffer) return isDoubtful ? { ...found, certainty: 'probable' } : found;
  const clocks = `the clocks of ${copy.name} and ${previous.name} differ: by them the later copy came first`;
  return { ...found, certainty: 'probable', because: [...found.because, clocks] };
}

/**
 * The previous copy's member began with what the copy's found: nothing was acknowledged in between. Where it is not
 * known what that member found, only a commit after its delivery tells the contrary.
 */
function wasSoBefore({ previousStart, previous, committed }: RedeliveryEvidence): boolean {
  return committed === null || committed.at <= (previousStart?.at ?? previous.firstAt);
}

function isBelowLog({ committed, logStart }: NonNullable<RedeliveryEvidence['start']>): boolean {
  return committed !== null && (committed < 0 || (logStart !== null && committed < logStart));
}

/** The seek was of the copy's own member, or of the same session before a join. */
function soughtByCopy({ seek, copy, previous }: RedeliveryEvidence): boolean {
  if (copy.session === previous.session) return true;
  return seek !== null && copy.joinedAt !== null && seek.at >= copy.joinedAt;
}

/** The last record was handled where it threw after a transaction with it was committed. */
function threwAt({ previous }: RedeliveryEvidence): number {
  return Math.min(previous.handled, previous.last);
}

/** What the handler threw came from kafkajs: a heartbeat or a commit that a rebalance refused. */
function isKafkasOwn({ previous }: RedeliveryEvidence): boolean {
  return previous.error?.startsWith('KafkaJS') === true;
}

/** The copy began with a new member: what it delivers follows from the committed offset. */
function isFreshStart(e: RedeliveryEvidence): boolean {
  return !sameMember(e);
}

function sameMember({ copy, previous }: RedeliveryEvidence): boolean {
  return (
    copy.session === previous.session &&
    copy.memberId === previous.memberId &&
    copy.joinedAt === previous.joinedAt
  );
}

/** Of the previous copy's member, when it had the record. */
function commitFailed({ failedCommit, previous, copy }: RedeliveryEvidence): boolean {
  return failedCommit !== null && failedCommit.at >= previous.firstAt && failedCommit.at <= copy.firstAt;
}

function seekFits({ seek, copy, first }: RedeliveryEvidence): boolean {
  const target = Number(seek?.target);
  return target < 0 || (target <= first && copy.first <= first);
}

/** Nothing above the redelivered stretch had been committed when the copy began, as far as it was seen. */
function committedBelow(e: RedeliveryEvidence): boolean {
  if (e.start !== null && e.start.committed !== null) return e.start.committed <= e.first;
  return e.committed === null || e.committed.offset <= e.first;
}

function committedWords(e: RedeliveryEvidence): string {
  if (e.start !== null && e.start.committed === null) {
    return `the group had no committed offset; offsets ${e.first} to ${e.last} had been delivered`;
  }
  const at = e.start?.committed ?? e.committed?.offset ?? null;
  return at === null
    ? `no commit was seen; offsets ${e.first} to ${e.last} had been delivered`
    : `${at} was committed; offsets ${e.first} to ${e.last} had been delivered`;
}

function handledWords({ first, handled, firstAt, lastAt }: CopyEvidence): string {
  const records = Math.max(0, handled - first);
  return `${countText(records)} record${records === 1 ? '' : 's'} in ${seconds(lastAt - firstAt)}`;
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
