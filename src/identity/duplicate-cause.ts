/**
 * Why a message is in the log twice: a table of rules, read from top to bottom, the first that fits decides. What only
 * has the shape of a cause is `probable`; `proven` is what headers or a producer's own numbers say. Where no rule fits
 * the cause is `unknown`; nothing is guessed.
 */
import { countText } from '../ledger';
import { SOURCE_FINGERPRINT, SOURCE_OUTBOX } from './catalogue';
import type {
  DuplicateCause,
  DuplicateEvidence,
  DuplicateExplanation,
  DuplicateKind,
} from './duplicate-evidence';

interface Rule {
  cause: Exclude<DuplicateCause, 'unknown'>;
  /** Null: the rule does not fit. */
  explain(e: DuplicateEvidence): Omit<DuplicateExplanation, 'cause'> | null;
}

/** A client gives a send up after this (delivery.timeout.ms of the Java client, message.timeout.ms elsewhere 300 s). */
const RETRY_HORIZON_MS = 300_000;
/** Requests that a client has under way at once to one broker (max.in.flight.requests.per.connection). */
const IN_FLIGHT = 5;
/** From this length on a run of copies has a shape. */
const RUN_RECORDS = 10;
/** A producer that has just begun has written no more than this. */
const FRESH_SEQUENCE = 1_000;
/** Sequences are 31 bits and begin again at 0. */
const SEQUENCES = 2 ** 31;

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
      if (run.records < RUN_RECORDS || !keptTimes(e) || !beyondRetries(e)) return null;
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
      !samePartition(e) && !e.copy.keyed && sameEpochOrNone(e) && soon(e)
        ? {
            certainty: 'probable',
            because: [
              `the record has no key and stands in partitions ${e.first.partition} and ${e.copy.partition}, ${apart(e)} apart`,
              e.copy.producer === null
                ? 'neither copy has a producer id'
                : `producer ${e.copy.producer.id} wrote both`,
              'kafkajs chooses another partition when it repeats a request',
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
      samePartition(e) && noProducers(e) && keptTimes(e) && e.copy.createTime && soon(e)
        ? {
            certainty: 'probable',
            because: [
              `${batchWords(e)} stands again with the record ${e.run.records === 1 ? 'time' : 'times'} that it had`,
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
      samePartition(e) && noProducers(e) && e.run.wholeBatches && e.run.batches <= IN_FLIGHT && soon(e)
        ? {
            certainty: 'probable',
            because: [
              `${batchWords(e)} stands again ${apart(e)} later, in the same order and with nothing added`,
              'neither copy has a producer id: the producer is not idempotent',
              ...(e.run.records === 1 ? ['an application that sends one record again looks the same'] : []),
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
      e.run.records >= RUN_RECORDS && e.run.batches > IN_FLIGHT
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
      const producers = producerWords(e);
      return producers === null
        ? null
        : {
            certainty: 'probable',
            because: [
              producers,
              `the copy is ${apart(e)} younger${e.run.wholeBatches ? '' : ' and its batch holds other records too'}`,
            ],
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
      'no rule fits what was seen',
      `partition ${first.partition} offset ${first.offset} and partition ${copy.partition} offset ${copy.offset}`,
    ],
    advice: null,
  };
}

function samePartition({ first, copy }: DuplicateEvidence): boolean {
  return first.partition === copy.partition;
}

function sameProducer({ first, copy }: DuplicateEvidence): boolean {
  return first.producer?.id === copy.producer?.id;
}

function sameEpoch(e: DuplicateEvidence): boolean {
  return e.copy.producer !== null && sameProducer(e) && e.first.producer?.epoch === e.copy.producer.epoch;
}

function noProducers({ first, copy }: DuplicateEvidence): boolean {
  return first.producer === null && copy.producer === null;
}

function sameEpochOrNone(e: DuplicateEvidence): boolean {
  return noProducers(e) || sameEpoch(e);
}

/** By how many sequences the copy is ahead of the first; negative: behind. Half the circle is ahead. */
function ahead({ first, copy }: DuplicateEvidence): number {
  const step = (copy.producer?.sequence ?? 0) - (first.producer?.sequence ?? 0);
  const round = ((step % SEQUENCES) + SEQUENCES) % SEQUENCES;
  return round < SEQUENCES / 2 ? round : round - SEQUENCES;
}

/** Nearly all copies of the run have the times of their originals. */
function keptTimes({ run }: DuplicateEvidence): boolean {
  return run.sameTimes >= run.records * 0.9;
}

/** Longer ago, or more at once, than a client's own retry can be. */
function beyondRetries(e: DuplicateEvidence): boolean {
  const age = e.copy.loggedAt - e.first.at;
  return age > RETRY_HORIZON_MS || e.run.originalSpanMs > RETRY_HORIZON_MS || e.run.batches > IN_FLIGHT;
}

/** As soon as a client's own retry would come. */
function soon({ first, copy }: DuplicateEvidence): boolean {
  return Math.max(copy.at, copy.loggedAt) - first.at <= RETRY_HORIZON_MS;
}

function producerWords({ first, copy }: DuplicateEvidence): string | null {
  if (first.producer === null && copy.producer === null) return 'neither copy has a producer id';
  if (first.producer === null || copy.producer === null) {
    return `producer ${(first.producer ?? copy.producer)?.id} wrote one copy, one without an id the other`;
  }
  if (first.producer.id === copy.producer.id) return `producer ${copy.producer.id} wrote both`;
  return `producer ${first.producer.id} wrote the first and producer ${copy.producer.id}, long at work, the copy`;
}

function batchWords({ run, copy }: DuplicateEvidence): string {
  if (run.records === 1) return copy.batchRecords === 1 ? 'a batch of one record' : 'the record';
  return `${run.batches === 1 ? 'a batch' : `${countText(run.batches)} batches`} of ${countText(run.records)} records`;
}

function apart({ first, copy }: DuplicateEvidence): string {
  return seconds(Math.max(copy.at, copy.loggedAt) - first.at);
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
