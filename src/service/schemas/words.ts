/** What the shapes share: the forms of numbers and times, and the counts that stand in several answers. */
import { z } from 'zod';
import { VERDICTS } from '../../ledger';

export const time = z.iso.datetime();
export const count = z.int().min(0);
export const offset = z.int().min(0);
export const seconds = z.number().min(0);

/**
 * Bytes of UTF-8 of the longest name: the protocol's strings have a length of 16 bits, and Kafka bounds the name of a
 * group by nothing else (topics end at 249 characters).
 */
export const NAME_BYTES_MAX = 32_767;

export const OUTCOMES = ['open', 'handled', 'failed', 'unresolved', 'in_flight', 'uncertain'] as const;

export const outcome = z.enum(OUTCOMES).meta({
  description:
    'What became of the last record: open (not known yet), handled, failed (the handler threw), unresolved ' +
    '(eachBatch ended without resolving it), in_flight (the process died in it), uncertain (perhaps never handed over)',
});

export const totals = {
  deliveries: count,
  redeliveries: count.meta({ description: 'Deliveries with attempt > 1' }),
  redelivery_ratio: z.number().min(0).meta({ description: 'redeliveries / deliveries' }),
  failed: count,
  in_flight: count,
  uncertain: count.meta({ description: 'Records that a kill left uncertain; in no other count' }),
  premature: count.meta({ description: 'Records committed before they were handled, and then not handled' }),
  skipped: count.meta({
    description: 'Records below the committed offset, known to exist, that were never delivered to the group',
  }),
};

export const account = {
  hits: count.meta({ description: "Deliveries that the consumer's own check recognised and did not apply" }),
  applied_again: count.meta({ description: 'Copies handled with no hit' }),
  failed_again: count.meta({
    description:
      'Copies that failed, or were in flight at a kill; hits + applied_again + failed_again = redeliveries + duplicates_delivered',
  }),
  perhaps_again: count.meta({
    description:
      'Of failed_again: in flight at a kill, and so perhaps applied again. What is left of failed_again did fail',
  }),
  duplicates_delivered: count.meta({
    description:
      'Records that the group was given and whose message it was given from another place too, as the topic observer ' +
      'tells, or had applied before, as hits tell',
  }),
};

export const verdict = {
  verdict: z.enum(VERDICTS).meta({ description: 'Which promise held so far' }),
  verdict_words: z.string(),
};

export const exposure = {
  exposure_records: count.meta({ description: 'Handled and not committed: what a crash now delivers again' }),
  exposure_seconds: seconds.meta({ description: 'Age of the oldest of them' }),
};

export const lag = {
  lag_seconds: seconds.nullable().meta({
    description:
      'Age of the oldest record that is not committed: by its own time where the topic is observed, else by when the log ended where; null: not known',
  }),
  lag_records: count.nullable().meta({ description: 'null: no brokers configured, or nothing committed' }),
};
