import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reportLines } from '../../src/demo/report';
import { type TruthDelivery, TruthReader, TruthWriter } from '../../src/demo/truth';
import { type Injection, judge } from '../../src/demo/verdict';

const GROUP = 'billing-1a2b3c';
const PLACE = { group: GROUP, topic: 'payments', partition: 0 };

function given(offset: number, at: number): TruthDelivery {
  return { ...PLACE, offset, at, worker: 'billing-1' };
}

const injection: Injection = { group: GROUP, fault: 'seek back', what: '', from: 100, until: 200 };
const runs = [
  { ...PLACE, first: 0, last: 1, handled: 2, uncertainLast: 1, outcome: 'handled' },
  { ...PLACE, first: 1, last: 1, handled: 2, uncertainLast: 1, outcome: 'handled' },
];
const found = { ...PLACE, first: 1, last: 1, at: 150.5, certain: true, cause: 'seek' };
const truth = [given(0, 10), given(1, 20), given(1, 150)];

test('a fault whose redeliveries were found agrees', () => {
  const verdict = judge({ injections: [injection], truth, runs, findings: [found] });
  expect(verdict).toMatchObject({ agrees: true, others: [], faults: [{ truth: 1, found: [1, 1] }] });
  expect(reportLines(verdict).join('\n')).toMatch(/billing +seek back +1 +1 +yes/);
});

test('a fault that delivered nothing again is no success', () => {
  const idle = { ...injection, fault: 'handler throws once', from: 200, until: 300 };
  const verdict = judge({ injections: [injection, idle], truth, runs, findings: [found] });
  expect(verdict).toMatchObject({ agrees: false, faults: [{ agrees: true }, { agrees: false, truth: 0 }] });
});

test('what was found at another time than it happened is told', () => {
  const late = { ...found, at: 250 };
  const verdict = judge({ injections: [injection], truth, runs, findings: [late] });
  expect(verdict).toMatchObject({ agrees: false, faults: [{ truth: 1, found: [0, 0], agrees: false }] });
  expect(verdict.others).toMatchObject([{ truth: 0, found: [1, 1], agrees: false }]);
});

test('a doubtful finding makes a range', () => {
  const verdict = judge({ injections: [injection], truth, runs, findings: [{ ...found, certain: false }] });
  expect(verdict.faults).toMatchObject([{ truth: 1, found: [0, 1], agrees: true }]);
  expect(reportLines(verdict).join('\n')).toContain('0..1');
});

test('a wrong record is shown with both sides, and nothing at all is no agreement', () => {
  const verdict = judge({ injections: [injection], truth, runs: runs.slice(0, 1), findings: [found] });
  expect(verdict.agrees).toBe(false);
  expect(reportLines(verdict).join('\n')).toContain(
    'payments/0/1: the handlers got it 2 times, the ledger tells 1',
  );
  expect(judge({ injections: [], truth: [], runs: [], findings: [] }).agrees).toBe(false);
});

describe('the ground truth files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dupescope-truth-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('are read as they grow, each delivery once', () => {
    const [one, other] = ['1', '2'].map((name) => new TruthWriter(join(folder, name)));
    const reader = new TruthReader(folder);
    one?.write([given(0, 1), given(1, 1)]);
    expect(reader.poll()).toEqual([given(0, 1), given(1, 1)]);
    one?.write([given(2, 2)]);
    other?.write([given(2, 3)]);
    expect(reader.poll()).toEqual([given(2, 2), given(2, 3)]);
    expect(reader.poll()).toEqual([]);
  });

  test('leave out a line until its end is there', () => {
    const reader = new TruthReader(folder);
    const file = join(folder, '1');
    writeFileSync(file, `${GROUP}\tpayments\t0\t5\t7\tbilling-1\n${GROUP}\tpaym`);
    expect(reader.poll()).toEqual([given(5, 7)]);
    writeFileSync(file, 'ents\t0\t6\t8\tbilling-1\n', { flag: 'a' });
    expect(reader.poll()).toEqual([given(6, 8)]);
  });
});
