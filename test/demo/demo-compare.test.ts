import { compare, type Finding, type RunRow } from '../../src/demo/compare';
import type { TruthDelivery } from '../../src/demo/truth';

const PLACE = { group: 'billing', topic: 'payments', partition: 0 };

/** One delivery of each offset. */
function truth(...offsets: number[]): TruthDelivery[] {
  return offsets.map((offset, i) => ({ ...PLACE, offset, at: 1_000 + i, worker: 'billing-1' }));
}

function run(first: number, last: number, more: Partial<RunRow> = {}): RunRow {
  return { ...PLACE, first, last, handled: last + 1, uncertainLast: last, outcome: 'handled', ...more };
}

function finding(first: number, last: number, certain = true): Finding {
  return { ...PLACE, first, last, at: 1_000, certain, cause: 'seek' };
}

const wrongOffsets = (comparison: ReturnType<typeof compare>[number] | undefined) =>
  comparison?.wrong.map(({ offset }) => offset);

test('agrees where both sides tell the same, over several runs of one record', () => {
  const [billing, ...more] = compare(truth(0, 1, 2, 1, 2), [run(0, 2), run(1, 2)], [finding(1, 2)]);
  expect(more).toEqual([]);
  expect(billing).toEqual({
    group: 'billing',
    records: 3,
    truth: { deliveries: 5, redeliveries: 2 },
    ledger: { deliveries: 5, redeliveries: [2, 2] },
    inFlight: 0,
    uncertain: 0,
    wrong: [],
    wrongFindings: [],
  });
});

test('catches a delivery that the ledger missed', () => {
  const [billing] = compare(truth(0, 1, 2, 1), [run(0, 2)], []);
  expect(billing?.wrong).toEqual([
    { topic: 'payments', partition: 0, offset: 1, truth: 2, certain: 1, possible: 1 },
  ]);
  expect(billing?.wrongFindings).toMatchObject([{ offset: 1, truth: 2, certain: 1, possible: 1 }]);
});

test('catches a delivery that the ledger invented, also of a record that no handler got', () => {
  const [billing] = compare(truth(0, 1), [run(0, 2), run(1, 1)], []);
  expect(wrongOffsets(billing)).toEqual([1, 2]);
});

test('catches records and groups that only one side knows', () => {
  expect(compare(truth(7), [], []).map(wrongOffsets)).toEqual([[7]]);
  const other = compare(truth(7), [run(7, 7, { group: 'shipping' })], []);
  expect(other.map(({ group, wrong }) => [group, wrong.length])).toEqual([
    ['billing', 1],
    ['shipping', 1],
  ]);
});

test('tells partitions and topics apart', () => {
  const [billing] = compare(truth(4), [run(4, 4, { partition: 1 }), run(4, 4, { topic: 'refunds' })], []);
  expect(billing?.wrong).toHaveLength(3);
});

test('in flight is possible and not certain: the record may have been given or not', () => {
  const killed = run(0, 3, { handled: 2, outcome: 'in_flight' });
  const [given] = compare(truth(0, 1, 2, 3), [killed], []);
  expect(given).toMatchObject({ ledger: { deliveries: 2 }, inFlight: 2, wrong: [] });
  const [notGiven] = compare(truth(0, 1), [killed], []);
  expect(notGiven?.wrong).toEqual([]);
  const [twice] = compare(truth(0, 1, 2, 3, 3), [killed], []);
  expect(wrongOffsets(twice)).toEqual([3]);
  const [handledMissing] = compare(truth(0, 2, 3), [killed], []);
  expect(wrongOffsets(handledMissing)).toEqual([1]);
});

test('uncertain is possible and not certain, and counted by itself', () => {
  const killed = run(0, 1, { handled: 1, uncertainLast: 3, outcome: 'in_flight' });
  for (const given of [truth(0), truth(0, 1), truth(0, 1, 2), truth(0, 1, 2, 3)]) {
    const [billing] = compare(given, [killed], []);
    expect(billing).toMatchObject({ ledger: { deliveries: 1 }, inFlight: 1, uncertain: 2, wrong: [] });
  }
  const [beyond] = compare(truth(0, 4), [killed], []);
  expect(wrongOffsets(beyond)).toEqual([4]);
});

test('what failed or was left unresolved was delivered all the same', () => {
  for (const outcome of ['failed', 'unresolved', 'open']) {
    const [billing] = compare(
      truth(0, 1, 1),
      [run(0, 1, { handled: 1, outcome }), run(1, 1)],
      [finding(1, 1)],
    );
    expect(billing).toMatchObject({ ledger: { deliveries: 3 }, wrong: [], wrongFindings: [] });
  }
});

test('a range of redeliveries where the first copy is in doubt', () => {
  const killed = run(0, 1, { handled: 1, outcome: 'in_flight' });
  const [billing] = compare(truth(0, 1, 0, 1), [killed, run(0, 1)], [finding(0, 0), finding(1, 1, false)]);
  expect(billing).toMatchObject({ ledger: { redeliveries: [1, 2] }, wrong: [], wrongFindings: [] });
});

test('catches findings that are missing, invented, or certain without reason', () => {
  const runs = [run(0, 2), run(1, 2)];
  const given = truth(0, 1, 2, 1, 2);
  const offsets = (findings: Finding[]) =>
    compare(given, runs, findings)[0]?.wrongFindings.map(({ offset }) => offset);
  expect(offsets([finding(1, 1)])).toEqual([2]);
  expect(offsets([finding(0, 2)])).toEqual([0]);
  expect(offsets([finding(1, 2), finding(2, 2, false)])).toEqual([]);
  expect(offsets([finding(1, 2), finding(5, 5)])).toEqual([5]);
});
