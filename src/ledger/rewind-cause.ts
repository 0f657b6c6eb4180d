/**
 * Why a committed offset went down: a table of rules, read from top to bottom, the first that fits decides. An outside
 * reader sees commits, tombstones and members; a commit itself names nobody, so much is `probable` at most.
 */
import { countText } from './counts';
import type { RewindFacts } from './group-evidence';
import type { Certainty } from './redelivery-evidence';

export const REWIND_CAUSES = [
  'topic_recreated',
  'out_of_range',
  'group_deleted',
  'offsets_expired',
  'reset',
  'seek',
  'unknown',
] as const;

export type RewindCause =
  /** The topic is another one of the same name. */
  | 'topic_recreated'
  /** The committed offset pointed outside of the log, and the client reset it. */
  | 'out_of_range'
  /** The group, or its offsets, had been deleted; it started over. */
  | 'group_deleted'
  /** The broker had removed the offsets of a group that was away for too long. */
  | 'offsets_expired'
  /** An operator set it back while no member was there. */
  | 'reset'
  /** A member of the group set it back: a seek, or a commit of an older offset. */
  | 'seek'
  | 'unknown';

export interface RewindExplanation {
  cause: RewindCause;
  certainty: Certainty;
  /** What was seen, in words. */
  because: string[];
  /** What to change; null where nothing needs to change. */
  advice: string | null;
}

/** Everything the rules look at. */
export interface RewindEvidence {
  at: number;
  from: number;
  to: number;
  /** Null where the group is not watched: an instrumented consumer alone told of it. */
  facts: RewindFacts | null;
  /** Partitions of the group that went down within SIBLINGS_MS of this one, itself included. */
  together: number;
  /** When the group was empty again after it; null: not yet, or it had been empty. */
  emptyAgainAt: number | null;
  /** Whether the partition was committed again before the group was empty again. */
  wentOn: boolean;
  /** The instrumented consumer's own word: a seek it had called, and who it was. */
  seek: { target: string; name: string } | null;
  /** The instrumented consumer whose commit it was. */
  session: string | null;
}

/** Rewinds so close together are one deed. */
export const SIBLINGS_MS = 2_000;
/** A tool that joins the group to set offsets (kafkajs's admin) is gone again after this. */
const TOOL_VISIT_MS = 15_000;
/** Kafka's default of offsets.retention.minutes. */
const DEFAULT_RETENTION_MS = 7 * 86_400_000;

interface Rule {
  cause: Exclude<RewindCause, 'unknown'>;
  /** Null: the rule does not fit. */
  explain(e: RewindEvidence, facts: RewindFacts): Omit<RewindExplanation, 'cause'> | null;
}

const RULES: readonly Rule[] = [
  {
    cause: 'topic_recreated',
    explain: (_e, { topicId, topicIdBefore }) =>
      topicId === null || topicIdBefore === null || topicId === topicIdBefore
        ? null
        : {
            certainty: 'proven',
            because: [`the topic's id was ${topicIdBefore} and is ${topicId}: it was deleted and made again`],
            advice: 'Nothing is delivered twice: the records are others. Delete the offsets with the topic.',
          },
  },
  {
    cause: 'out_of_range',
    explain: (e, { resetTo, bounds }) =>
      resetTo === null || bounds === null || e.from <= bounds.end
        ? null
        : {
            certainty: 'proven',
            because: [
              `${e.from} was committed and the log ended at ${bounds.end}`,
              `kafkajs committed ${resetTo} (${edge(resetTo)}) instead`,
            ],
            advice:
              'Look for a truncated log: an unclean leader election, or a topic that was made again. Offsets above its end cannot be read.',
          },
  },
  {
    cause: 'group_deleted',
    explain: (e, facts) => {
      const { goneAt, groupGoneAt } = facts;
      if (goneAt === null || isExpiry(facts)) return null;
      const withGroup = groupGoneAt !== null && Math.abs(groupGoneAt - goneAt) < SIBLINGS_MS;
      const { startedOver } = facts;
      return {
        // What was read is not seen: where the first commit was not lower, it follows from where the log had ended.
        certainty: facts.retentionMs === null || startedOver !== undefined ? 'probable' : 'proven',
        because: [
          `${withGroup ? 'the group was' : "the partition's offset was"} deleted ${seconds(e.at - goneAt)} before, ${lastSign(facts)}`,
          `the group started over at ${e.to}; ${e.from} had been committed`,
          ...startedOverWords(facts),
        ],
        advice: 'Reset offsets instead of deleting the group, where records must not be delivered again.',
      };
    },
  },
  {
    cause: 'offsets_expired',
    explain: (e, facts) =>
      facts.goneAt === null
        ? null
        : {
            // Somebody may have deleted them just before the broker would have.
            certainty: 'probable',
            because: [
              `the broker removed the committed offset ${e.from} ${seconds(e.at - facts.goneAt)} before, ${lastSign(facts)}`,
              facts.retentionMs === null
                ? `the brokers' offsets.retention.minutes may not be read; the default is ${DEFAULT_RETENTION_MS / 60_000}`
                : `offsets.retention.minutes is ${facts.retentionMs / 60_000}`,
              ...startedOverWords(facts),
            ],
            advice: 'Raise offsets.retention.minutes above the longest stop of the group.',
          },
  },
  {
    cause: 'reset',
    explain: (e, { state, since }) =>
      state !== 'empty' || e.session !== null
        ? null
        : {
            certainty: 'proven',
            because: [
              `the group had no member${since === null ? '' : ` for ${seconds(e.at - since)}`}: only a tool can commit then`,
              togetherWords(e),
            ],
            advice: null,
          },
  },
  {
    cause: 'reset',
    explain: (e, facts) => {
      if (e.session !== null || facts.state !== 'live' || facts.members !== 1) return null;
      if (facts.stateBefore === 'live' || facts.since === null || e.emptyAgainAt === null) return null;
      if (e.at - facts.since > TOOL_VISIT_MS || e.emptyAgainAt - e.at > TOOL_VISIT_MS || e.wentOn)
        return null;
      return {
        certainty: 'probable',
        because: [
          `one member (${facts.owner?.clientId ?? 'unknown'}) joined the empty group ${seconds(e.at - facts.since)} before and left ${seconds(e.emptyAgainAt - e.at)} after, and committed nothing else`,
          togetherWords(e),
        ],
        advice: null,
      };
    },
  },
  {
    cause: 'seek',
    explain: (e) =>
      e.seek === null
        ? null
        : { certainty: 'proven', because: [`${e.seek.name} called seek(${e.seek.target})`], advice: null },
  },
  {
    cause: 'seek',
    explain: (e, facts) => {
      if (facts.state !== 'live' && e.session === null) return null;
      const { owner, generation, resetTo } = facts;
      const who =
        e.session ?? (owner === null ? 'a member' : `${owner.clientId} on ${owner.host.replace(/^\//, '')}`);
      return {
        certainty: 'probable',
        because: [
          resetTo === null
            ? `the group was live${generation === null ? '' : ` (generation ${generation})`}: ${who} committed ${e.to} after ${e.from}`
            : `${who} committed ${resetTo} (${edge(resetTo)}), and ${e.from} lay within the log`,
        ],
        advice:
          e.from - e.to <= SMALL_STEP
            ? 'A small step back is often an older commit that came late: await each commit before the next.'
            : null,
      };
    },
  },
];

/** A step back of so few records may be two commits that overtook each other. */
const SMALL_STEP = 10;

/** How many records it leads back over; of another topic of the same name nothing is delivered again. */
export function rewoundRecords(cause: RewindCause, from: number, to: number): number {
  return cause === 'topic_recreated' ? 0 : Math.max(0, from - Math.max(0, to));
}

/** The first rule that fits. */
export function explainRewind(evidence: RewindEvidence): RewindExplanation {
  const facts = evidence.facts ?? UNWATCHED;
  for (const { cause, explain } of RULES) {
    const found = explain(evidence, facts);
    if (found !== null) return { cause, ...found };
  }
  return {
    cause: 'unknown',
    certainty: 'unknown',
    because:
      facts.seenBy === 'poll'
        ? ['committed offsets are only asked for: nothing tells who set this one back']
        : [
            'no member of the group was ever seen: a standalone consumer or a tool committed',
            togetherWords(evidence),
          ],
    advice: null,
  };
}

/** Whether later records may still tell the cause better. */
export function mayChange(evidence: RewindEvidence, { cause, certainty }: RewindExplanation): boolean {
  return (
    certainty !== 'proven' && (cause === 'seek' || cause === 'unknown') && evidence.emptyAgainAt === null
  );
}

const UNWATCHED: RewindFacts = {
  resetTo: null,
  bounds: null,
  committedAt: null,
  goneAt: null,
  idleMs: null,
  groupGoneAt: null,
  topicIdBefore: null,
  topicId: null,
  state: 'unknown',
  since: null,
  stateBefore: 'unknown',
  generation: null,
  members: 0,
  owner: null,
  retentionMs: null,
  seenBy: 'log',
};

/** The broker takes the offsets of a group away that has had no member for so long. */
function isExpiry({ idleMs, retentionMs }: RewindFacts): boolean {
  return idleMs !== null && idleMs >= (retentionMs ?? DEFAULT_RETENTION_MS);
}

function lastSign({ idleMs }: RewindFacts): string {
  return idleMs === null
    ? 'and it is not known since when it was idle'
    : `${seconds(idleMs)} after its last sign`;
}

function startedOverWords({ startedOver }: RewindFacts): string[] {
  return startedOver === undefined
    ? []
    : [
        `its first commit was ${startedOver.committed}, and the log had ended at ${startedOver.logEnd} before it had members again: it began below that`,
      ];
}

function togetherWords({ together }: RewindEvidence): string {
  return together === 1
    ? 'this partition alone went down'
    : `${countText(together)} partitions of the group went down together`;
}

function edge(resetTo: number): string {
  return resetTo === -2 ? 'earliest' : 'latest';
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
