import fc from 'fast-check';
import {
  type CopyRunEvidence,
  DUPLICATE_CAUSES,
  DUPLICATE_KINDS,
  type DuplicateEvidence,
  EDGE_FIRST,
  EDGE_LAST,
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
  const records = of.run?.records ?? 1;
  const run: CopyRunEvidence = {
    records,
    sameTimes: 0,
    knownEdges: records,
    sameEdges: records,
    batches: 1,
    adjacent: true,
    wholeBatches: true,
    between: 9,
    originalSpanMs: 0,
  };
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
    [
      'a batch right behind itself, stamped anew',
      'producer_retry',
      'probable',
      evidence({ copy: { offset: 22, batchRecords: 12 }, run: { records: 12, between: 0 } }),
    ],
    [
      'a batch further on, stamped anew: an application or a restart may have done it',
      'unknown',
      'unknown',
      evidence({ copy: { offset: 52, batchRecords: 12 }, run: { records: 12, between: 30 } }),
    ],
    [
      'a batch right behind itself, sooner than a client repeats it by its settings, but not at once',
      'unknown',
      'unknown',
      evidence({
        copy: { offset: 22, at: 1_000_100, loggedAt: 1_000_100, batchRecords: 12 },
        run: { records: 12, between: 0 },
      }),
    ],
    [
      'a batch right behind itself of which older findings know no edges',
      'unknown',
      'unknown',
      evidence({
        copy: { offset: 22, batchRecords: 12 },
        run: { records: 12, between: 0, knownEdges: 0, sameEdges: 0 },
      }),
    ],
    ['one record again, further on', 'unknown', 'unknown', evidence()],
    ['twice at once', 'resent', 'probable', evidence({ copy: { at: 1_000_003, loggedAt: 1_000_003 } })],
    ['one record out of a batch, alone', 'resent', 'probable', evidence({ run: { sameEdges: 0 } })],
    [
      'the last records of what was written, in other batches: a producer without an id may have been started anew',
      'unknown',
      'unknown',
      evidence({ run: { records: 3, sameEdges: 1, between: 0 } }),
    ],
    [
      'the very times in other batches: not a client’s retry',
      'resent',
      'probable',
      evidence({ copy: { at: 1_000_000 }, run: { sameTimes: 1, sameEdges: 0 } }),
    ],
    [
      'a long run with its times in other batches, soon',
      'replay',
      'probable',
      evidence({ copy: { at: 1_000_000 }, run: { records: 20, sameTimes: 20, sameEdges: 18 } }),
    ],
    [
      'one batch after the other twice at once, in one millisecond',
      'unknown',
      'unknown',
      evidence({
        copy: { at: 1_000_000, loggedAt: 1_000_100 },
        run: { records: 20, sameTimes: 20, batches: 20, between: -38 },
      }),
    ],
    [
      'a long run of no known producer, stamped anew',
      'unknown',
      'unknown',
      evidence({ run: { records: 60, batches: 12 } }),
    ],
    [
      'another partition, without a key, alone while its original was not',
      'resent',
      'probable',
      evidence({ first: { edges: 0 }, copy: { partition: 1, keyed: false }, run: { between: null } }),
    ],
    [
      'another partition, without a key',
      'producer_retry',
      'probable',
      evidence({
        first: { edges: EDGE_FIRST | EDGE_LAST },
        copy: { partition: 1, keyed: false },
        run: { between: null },
      }),
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
    const told = explainDuplicate(cause === 'retry_topic' ? 'intentional' : 'duplicate', given);
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

  test('what was published twice for one attempt is explained like any other', () => {
    const given = evidence({
      first: { producer: mark(7, 5) },
      copy: { producer: mark(7, 6), provenance: 'retry_topic-attempts' },
    });
    expect(explainDuplicate('duplicate', given)).toMatchObject({ cause: 'resent', certainty: 'proven' });
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
      between: fc.option(fc.integer({ min: -20, max: 500 })),
      wholeBatches: fc.boolean(),
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
