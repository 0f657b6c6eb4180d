/** What the shapes share: the forms of numbers and times, and the counts that stand in several answers. */
import { z } from 'zod';
import { VERDICTS } from '../../ledger';

export const time = z.iso.datetime();
export const count = z.int().min(0);
export const offset = z.int().min(0);
export const seconds = z.number().min(0);

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
  failed_again: count.meta({ description: 'Copies that failed, or were in flight at a kill' }),
  perhaps_again: count.meta({
    description: 'Of failed_again: in flight at a kill, and so perhaps applied all the same',
  }),
  duplicates_delivered: count.meta({
    description: 'First deliveries of records whose message had been applied before, as hits tell',
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
