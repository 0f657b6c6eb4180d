import fc from 'fast-check';
import {
  type CopyRunEvidence,
  DUPLICATE_CAUSES,
  DUPLICATE_KINDS,
  type DuplicateEvidence,
  explainDuplicate,
  type FoundCopy,
  type ProducerMark,
} from '../../src/identity';

const mark = (id: number, sequence: number, epoch = 0): ProducerMark => ({ id, epoch, sequence });

function evidence(
  of: { first?: Partial<FoundCopy>; copy?: Partial<FoundCopy>; run?: Partial<CopyRunEvidence> } = {},
): DuplicateEvidence {
  const first = {
    partition: 0,
    offset: 10,
    at: 1_000_000,
    producer: null,
    transactional: false,
    ...of.first,
  };
  const copy: FoundCopy = {
    ...first,
    offset: 20,
    at: 1_000_400,
    loggedAt: 1_000_400,
    batchFirst: 20,
    batchRecords: 1,
    createTime: true,
    keyed: true,
    provenance: null,
    source: 'message-id',
    ...of.copy,
  };
  const run = { records: 1, sameTimes: 0, batches: 1, adjacent: true, wholeBatches: true, originalSpanMs: 0 };
  return { first, copy, run: { ...run, ...of.run } };
}

const LONG = { records: 400, sameTimes: 400, batches: 9, originalSpanMs: 900_000 };

describe('the rules for duplicates', () => {
  test.each<[string, string, string, DuplicateEvidence]>([
    [
      'a retry topic’s header',
      'retry_topic',
      'proven',
      evidence({ copy: { provenance: 'retry_topic-attempts' } }),
    ],
    [
      'one sequence at two offsets',
      'sequence_anomaly',
      'proven',
      evidence({ first: { producer: mark(7, 5) }, copy: { producer: mark(7, 5) } }),
    ],
    [
      'a sequence that went back',
      'sequence_anomaly',
      'probable',
      evidence({ first: { producer: mark(7, 50) }, copy: { producer: mark(7, 5) } }),
    ],
    [
      'a higher sequence of the same producer',
      'resent',
      'proven',
      evidence({ first: { producer: mark(7, 5) }, copy: { producer: mark(7, 6) } }),
    ],
    [
      'a sequence that began again at 0',
      'resent',
      'proven',
      evidence({ first: { producer: mark(7, 2 ** 31 - 1) }, copy: { producer: mark(7, 3) } }),
    ],
    ['an outbox’s id', 'outbox_relay', 'probable', evidence({ copy: { source: 'id (outbox)' } })],
    [
      'a long run with its old times',
      'replay',
      'probable',
      evidence({ copy: { at: 1_000_000, producer: mark(9, 12) }, run: LONG }),
    ],
    [
      'a later epoch of an idempotent producer',
      'epoch_bump',
      'probable',
      evidence({ first: { producer: mark(7, 5, 1) }, copy: { producer: mark(7, 0, 2) } }),
    ],
    [
      'the very batch again',
      'producer_retry',
      'probable',
      evidence({ copy: { at: 1_000_000 }, run: { sameTimes: 1 } }),
    ],
    ['a whole batch stamped anew', 'producer_retry', 'probable', evidence({ run: { records: 12 } })],
    [
      'another partition, without a key',
      'producer_retry',
      'probable',
      evidence({ copy: { partition: 1, keyed: false } }),
    ],
    [
      'another producer that has just begun',
      'producer_restart',
      'probable',
      evidence({ first: { producer: mark(7, 90_000) }, copy: { producer: mark(8, 3) } }),
    ],
    [
      'another producer, long at work',
      'resent',
      'probable',
      evidence({ first: { producer: mark(7, 90_000) }, copy: { producer: mark(8, 80_000) } }),
    ],
    [
      'a batch that holds other records too',
      'resent',
      'probable',
      evidence({ copy: { batchRecords: 3 }, run: { wholeBatches: false } }),
    ],
    ['hours later', 'resent', 'probable', evidence({ copy: { at: 20_000_000, loggedAt: 20_000_000 } })],
  ])('%s: %s, %s', (_, cause, certainty, given) => {
    const told = explainDuplicate('duplicate', given);
    expect(told).toMatchObject({ cause, certainty });
    expect(told.because.length).toBeGreaterThan(0);
  });

  test('what a fingerprint found is never proven', () => {
    const given = evidence({
      first: { producer: mark(7, 5) },
      copy: { producer: mark(7, 6), source: 'fingerprint' },
    });
    expect(explainDuplicate('duplicate', given)).toMatchObject({ cause: 'resent', certainty: 'probable' });
  });

  test('id reuse has no cause, and advice', () => {
    expect(explainDuplicate('id_reuse', evidence())).toMatchObject({
      cause: 'unknown',
      certainty: 'unknown',
      advice: expect.stringContaining('identity of its own'),
    });
  });

  test('whatever the evidence, proven is only what headers or one producer’s sequences say', () => {
    const producer = fc.option(fc.record({ id: fc.nat(2), epoch: fc.nat(2), sequence: fc.nat(5_000) }));
    const place = fc.record({
      partition: fc.nat(1),
      offset: fc.nat(1_000),
      at: fc.integer({ min: -1, max: 4_000_000 }),
      producer,
      transactional: fc.boolean(),
      loggedAt: fc.nat(4_000_000),
      keyed: fc.boolean(),
      createTime: fc.boolean(),
      provenance: fc.constantFrom(null, null, 'kafka_original-topic'),
      source: fc.constantFrom('message-id', 'id (outbox)', 'fingerprint'),
    });
    const run = fc.record({
      records: fc.integer({ min: 1, max: 500 }),
      sameTimes: fc.nat(500),
      batches: fc.integer({ min: 1, max: 20 }),
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom(...DUPLICATE_KINDS), place, place, run, (kind, first, copy, shape) => {
        const told = explainDuplicate(kind, evidence({ first, copy, run: shape }));
        seen.add(told.cause);
        expect(told.because.every((line) => line !== '' && !line.includes('undefined'))).toBe(true);
        if (told.certainty !== 'proven') return;
        const one =
          first.partition === copy.partition &&
          first.producer?.id === copy.producer?.id &&
          first.producer?.epoch === copy.producer?.epoch;
        expect(copy.provenance !== null || (copy.producer !== null && one)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect([...seen].sort()).toEqual(DUPLICATE_CAUSES.filter((cause) => seen.has(cause)).sort());
    expect(seen.size).toBeGreaterThanOrEqual(8);
  });
});
