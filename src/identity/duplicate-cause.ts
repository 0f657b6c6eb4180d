/**
 * Why a message is in the log twice: a table of rules, read from top to bottom, the first that fits decides. What only
 * has the shape of a cause is `probable`; `proven` is what headers or a producer's own numbers say. Where no rule fits
 * the cause is `unknown`; nothing is guessed.
 *
 * A producer without an id leaves little to tell by. kafkajs's is one by default, and stamps a repeated request anew:
 * then the copy is told to be a retry only where it is the very batch, stands right behind it, and came no sooner than
 * a retry does. The same batch further on may as well be the application's, or a restart's: that is `unknown`.
 */
import { countText } from '../ledger';
import { SOURCE_FINGERPRINT, SOURCE_OUTBOX } from './catalogue';
import type {
  DuplicateCause,
  DuplicateEvidence,
  DuplicateExplanation,
  DuplicateKind,
} from './duplicate-evidence';
import {
  ahead,
  apart,
  batchWords,
  beyondRetries,
  byTurns,
  cutAlike,
  cutAnew,
  IN_FLIGHT,
  keptTimes,
  noProducers,
  noRetryWords,
  pausedBefore,
  producerWords,
  RUN_RECORDS,
  rightBehind,
  sameEpoch,
  sameEpochOrNone,
  samePartition,
  sameProducer,
  seconds,
  singledOut,
  soon,
  tooOften,
} from './duplicate-shape';

interface Rule {
  cause: Exclude<DuplicateCause, 'unknown'>;
  /** Null: the rule does not fit. */
  explain(e: DuplicateEvidence): Omit<DuplicateExplanation, 'cause'> | null;
}

/** A producer that has just begun has written no more than this. */
const FRESH_SEQUENCE = 1_000;

const IDEMPOTENCE_ADVICE =
  "Turn the producer's idempotence on (enable.idempotence; kafkajs: idempotent: true): the broker then drops what a retry repeats.";
const RESEND_ADVICE =
  'Let the client retry alone: send again only what the client has given up, under the same identity, and let consumers check it.';

const RULES: readonly Rule[] = [
  {
    cause: 'retry_topic',
    explain: ({ copy }) =>
      copy.provenance === null
        ? null
        : {
            certainty: 'proven',
            because: [`its header ${copy.provenance} says that it was published again on purpose`],
            advice: null,
          },
  },
  {
    cause: 'sequence_anomaly',
    explain: (e) =>
      sameEpoch(e) && samePartition(e) && ahead(e) === 0
        ? {
            certainty: 'proven',
            because: [
              `producer ${e.copy.producer?.id} in epoch ${e.copy.producer?.epoch} wrote sequence ${e.copy.producer?.sequence} at offsets ${e.first.offset} and ${e.copy.offset}`,
              'a broker refuses a sequence that it has',
            ],
            advice:
              'Look for lost producer state on the broker at that time: an unclean leader election, deleted records, or a producer silent for longer than producer.id.expiration.ms.',
          }
        : null,
  },
  {
    cause: 'outbox_relay',
    explain: (e) =>
      e.copy.source === SOURCE_OUTBOX
        ? {
            certainty: 'probable',
            because: [
              `its identity is an outbox's (header id), written again ${apart(e)}`,
              sameProducer(e) && e.copy.producer !== null
                ? `the same producer ${e.copy.producer.id} wrote both`
                : 'another producer wrote the copy: the relay or its connector was started anew',
            ],
            advice:
              'A relay that starts anew repeats what it had sent since its last stored position: let it store that more often (offset.flush.interval.ms), or let consumers check the id.',
          }
        : null,
  },
  {
    cause: 'resent',
    explain: (e) =>
      sameEpoch(e) && samePartition(e) && ahead(e) > 0
        ? {
            certainty: 'proven',
            because: [
              `producer ${e.copy.producer?.id} wrote both, in epoch ${e.copy.producer?.epoch}, as sequences ${e.first.producer?.sequence} and ${e.copy.producer?.sequence}`,
              'a retry of its own would have kept the sequence: it was told to send twice',
            ],
            advice: RESEND_ADVICE,
          }
        : null,
  },
  {
    cause: 'replay',
    explain: (e) => {
      const { run } = e;
      if (run.records < RUN_RECORDS || !keptTimes(e) || byTurns(e)) return null;
      if (!beyondRetries(e) && !cutAnew(e)) return null;
      return {
        certainty: 'probable',
        because: [
          `${countText(run.records)} records in a row repeat as many others in the same order`,
          `they kept the record times of their originals, which span ${seconds(run.originalSpanMs)}`,
          `they came into the log ${seconds(e.copy.loggedAt - e.first.at)} after their originals, in ${countText(run.batches)} batches`,
        ],
        advice:
          'Look for a mirror or a replay tool that writes into the topic that it reads, or that began before where it had ended.',
      };
    },
  },
  {
    cause: 'sequence_anomaly',
    explain: (e) =>
      sameEpoch(e) && samePartition(e) && ahead(e) < 0
        ? {
            certainty: 'probable',
            because: [
              `producer ${e.copy.producer?.id} in epoch ${e.copy.producer?.epoch} wrote sequence ${e.copy.producer?.sequence} after ${e.first.producer?.sequence}`,
            ],
            advice:
              'Look for lost producer state on the broker at that time: an unclean leader election or deleted records.',
          }
        : null,
  },
  {
    cause: 'epoch_bump',
    explain: (e) => {
      const { first, copy } = e;
      if (!sameProducer(e) || first.producer === null || copy.producer === null) return null;
      if (copy.producer.epoch <= first.producer.epoch) return null;
      return {
        certainty: 'probable',
        because: [
          `producer ${copy.producer.id} wrote both, in epochs ${first.producer.epoch} and ${copy.producer.epoch}`,
          copy.transactional
            ? 'it is transactional: it registered anew, or sent it again in a later transaction (Kafka 4 raises the epoch with each)'
            : copy.at === first.at
              ? 'the copy kept the time of the first: a retry of its own across the new epoch'
              : `the copy is ${apart(e)} younger`,
        ],
        advice: copy.transactional
          ? 'Send again only what an aborted transaction held; look whether this producer was restarted.'
          : 'Look for a leader change or lost answers at that time; update the client, newer ones wait for what is in flight before they raise the epoch.',
      };
    },
  },
  {
    // kafkajs chooses a partition anew at every retry of a record without a key, idempotent or not.
    cause: 'producer_retry',
    explain: (e) =>
      !samePartition(e) && !e.copy.keyed && sameEpochOrNone(e) && soon(e) && pausedBefore(e) && !singledOut(e)
        ? {
            certainty: 'probable',
            because: [
              `the record has no key and stands in partitions ${e.first.partition} and ${e.copy.partition}, ${apart(e)} apart`,
              e.copy.producer === null
                ? 'neither copy has a producer id'
                : `producer ${e.copy.producer.id} wrote both`,
              'kafkajs chooses another partition when it repeats a request',
              'an application that sends a record without a key again looks the same',
            ],
            advice:
              'Give records a key or a partition: kafkajs then repeats them where they were, and with idempotent: true the broker drops the copy.',
          }
        : null,
  },
  {
    // Java's client and librdkafka repeat the very batch, with the times it had.
    cause: 'producer_retry',
    explain: (e) =>
      samePartition(e) &&
      noProducers(e) &&
      keptTimes(e) &&
      !cutAnew(e) &&
      !tooOften(e) &&
      e.copy.createTime &&
      soon(e)
        ? {
            certainty: 'probable',
            because: [
              `${batchWords(e)} stands again with the record ${e.run.records === 1 ? 'time' : 'times'} that it had${cutAlike(e) ? ', and with nothing added or left out' : ''}`,
              'neither copy has a producer id: the producer is not idempotent',
            ],
            advice: IDEMPOTENCE_ADVICE,
          }
        : null,
  },
  {
    // kafkajs stamps a repeated request with the time of the repetition.
    cause: 'producer_retry',
    explain: (e) =>
      noProducers(e) && cutAlike(e) && rightBehind(e) && soon(e) && pausedBefore(e)
        ? {
            certainty: 'probable',
            because: [
              `${batchWords(e)} stands again right behind itself, ${apart(e)} later, with nothing added or left out`,
              'neither copy has a producer id: the producer is not idempotent',
              'an application that sends the same again at once looks the same',
            ],
            advice: IDEMPOTENCE_ADVICE,
          }
        : null,
  },
  {
    cause: 'producer_restart',
    explain: (e) => {
      const { first, copy } = e;
      if (first.producer === null || copy.producer === null || sameProducer(e)) return null;
      if (copy.producer.sequence - e.run.records >= FRESH_SEQUENCE) return null;
      return {
        certainty: 'probable',
        because: [
          `producer ${first.producer.id} wrote the first, producer ${copy.producer.id} the copy ${apart(e)} later`,
          `the copy is the new producer's sequence ${copy.producer.sequence}: it had just begun`,
        ],
        advice:
          'A producer that starts anew repeats what it cannot know to be sent: store what was sent with the work itself (an outbox), or use a transactional producer.',
      };
    },
  },
  {
    cause: 'replay',
    explain: (e) =>
      !noProducers(e) && e.run.records >= RUN_RECORDS && e.run.batches > IN_FLIGHT
        ? {
            certainty: 'probable',
            because: [
              `${countText(e.run.records)} records in a row repeat as many others in the same order, in ${countText(e.run.batches)} batches`,
              keptTimes(e) ? 'they kept their record times' : `they were stamped anew, ${apart(e)} later`,
            ],
            advice:
              'Look for a mirror, a replay tool or a job that ran twice and writes into the topic that it reads.',
          }
        : null,
  },
  {
    cause: 'resent',
    explain: (e) => {
      const why = noProducers(e) ? noRetryWords(e) : '';
      return why === null
        ? null
        : {
            certainty: 'probable',
            because: [producerWords(e), `the copy is ${apart(e)} younger${why}`],
            advice: noProducers(e) ? IDEMPOTENCE_ADVICE : RESEND_ADVICE,
          };
    },
  },
];

/**
 * The first rule that fits. For id reuse there is no cause to find: the second message is another one.
 * What a fingerprint found is never `proven`: two messages may be equal.
 */
export function explainDuplicate(kind: DuplicateKind, evidence: DuplicateEvidence): DuplicateExplanation {
  const { first, copy } = evidence;
  if (kind === 'id_reuse') {
    return {
      cause: 'unknown',
      certainty: 'unknown',
      because: [
        `the record at partition ${first.partition} offset ${first.offset} has the same identity and another payload`,
      ],
      advice: `Give every message an identity of its own (${copy.source}); a consumer that checks it drops this one.`,
    };
  }
  for (const { cause, explain } of RULES) {
    // What was not meant has another cause, whatever its headers say.
    if (cause === 'retry_topic' && kind !== 'intentional') continue;
    const found = explain(evidence);
    if (found === null) continue;
    const capped = copy.source === SOURCE_FINGERPRINT && found.certainty === 'proven';
    return {
      cause,
      ...found,
      certainty: capped ? 'probable' : found.certainty,
      because: capped
        ? [...found.because, 'the identity is a fingerprint: two messages may be equal']
        : found.because,
    };
  }
  return {
    cause: 'unknown',
    certainty: 'unknown',
    because: [
      `partition ${first.partition} offset ${first.offset} and partition ${copy.partition} offset ${copy.offset}, ${apart(evidence)} apart`,
      ...(noProducers(evidence)
        ? [
            'neither copy has a producer id',
            evidence.run.records < RUN_RECORDS
              ? 'a request that a client repeats, what an application sends again and what a producer started anew repeats look the same here'
              : `${countText(evidence.run.records)} records in a row repeat as many others: a repeated request, a job that ran twice, a producer started anew and a replay look the same here`,
          ]
        : ['no rule fits what was seen']),
    ],
    advice: noProducers(evidence) ? IDEMPOTENCE_ADVICE : null,
  };
}
