import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Journal, JournalReader } from '../../src/journal';
import { segmentName } from '../../src/journal/log';
import { lockOwner } from '../../src/journal/owner';
import { checksumOf, Field, Flag, readSlot, SLOT_DOUBLES } from '../../src/journal/slot';
import type { Evidence } from '../../src/ledger';
import { testFolder } from '../support/folder';

const root = testFolder('journal');

function lowered(at: number): Evidence {
  return { t: 'rewind', track: 0, at, from: 10, to: 5 };
}

describe('the log', () => {
  test('is read back line by line, each line once', () => {
    const journal = new Journal({ root });
    const reader = new JournalReader(journal.folder);
    for (let i = 1; i <= 3; i++) journal.append(lowered(i));
    expect(reader.read().evidence.map((line) => [line.seq, (line.evidence as { at: number }).at])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    journal.append(lowered(4));
    expect(reader.read().evidence.map((line) => line.seq)).toEqual([4]);
    expect(reader.read().evidence).toEqual([]);
    expect(reader.owner?.pid).toBe(process.pid);
    journal.close(true);
  });

  test('goes on in new segments that begin with the dictionary, and forgets what is applied', () => {
    const journal = new Journal({ root });
    journal.define({ t: 'topic', topic: 1, name: 'orders', topicId: null });
    const reader = new JournalReader(journal.folder);
    const seen: number[] = [];
    const topics: number[] = [];
    const lines = 30_000;
    for (let i = 1; i <= lines; i++) {
      journal.append(lowered(i));
      if (i % 5_000 !== 0) continue;
      for (const { seq, evidence } of reader.read().evidence) {
        if (evidence.t === 'rewind') seen.push(evidence.at);
        else topics.push(seq);
      }
      journal.applied(journal.lastSeq);
    }
    expect(seen).toEqual(Array.from({ length: lines }, (_, i) => i + 1));
    expect(topics.length).toBeGreaterThan(1);
    const segments = readdirSync(journal.folder).filter((name) => name.startsWith('log-'));
    expect(segments).toHaveLength(1);
    const late = new JournalReader(journal.folder).read().evidence;
    expect(late[0]?.evidence).toEqual({ t: 'topic', topic: 1, name: 'orders', topicId: null });
    expect(late.at(-1)?.seq).toBe(journal.lastSeq);
    journal.close(true);
  });

  test('refuses beyond its limit, counts what it refused, and tells it when there is room again', () => {
    const journal = new Journal({ root, limitBytes: 2 * 1024 * 1024 });
    const run: Evidence = {
      t: 'run',
      run: 1,
      track: 0,
      member: -1,
      first: 0,
      last: 9,
      handled: 10,
      uncertainLast: 9,
      firstAt: 0,
      lastAt: 0,
      outcome: 'handled',
    };
    while (journal.losses.events === 0) journal.append(run);
    journal.append(run);
    expect(journal.losses).toMatchObject({ events: 2, deliveries: 20 });
    journal.applied(journal.lastSeq);
    journal.append(run);
    const reader = new JournalReader(journal.folder);
    const dropped = reader.read().evidence.filter((line) => line.evidence.t === 'dropped');
    expect(dropped.map((line) => line.evidence)).toMatchObject([{ events: 2, deliveries: 20 }]);
    journal.close(true);
  });

  test('a torn last line is left for later, a damaged line is skipped and counted', () => {
    const journal = new Journal({ root });
    for (let i = 1; i <= 3; i++) journal.append(lowered(i));
    const file = join(journal.folder, segmentName(1));
    const text = readFileSync(file, 'utf8').replace(/\0+$/, '');
    const lines = text.split('\n');
    lines[2] = (lines[2] as string).replace('"from":10', '"from":11');
    writeFileSync(file, lines.slice(0, 4).join('\n').slice(0, -7));
    const reader = new JournalReader(journal.folder);
    expect(reader.read().evidence).toHaveLength(1);
    expect(reader.damaged).toBe(1);
    appendFileSync(file, `${(lines[3] as string).slice(-7)}\n`);
    expect(reader.read().evidence.map((line) => (line.evidence as { at: number }).at)).toEqual([3]);
    journal.close(true);
  });
});

describe('a slot', () => {
  function half(seq: number, last: number): Float64Array {
    const values = new Float64Array(SLOT_DOUBLES);
    values[Field.seq] = seq;
    values[Field.last] = last;
    values[Field.flags] = Flag.open | Flag.busy;
    values[Field.checksum] = checksumOf(new Int32Array(values.buffer), 0);
    return values;
  }

  function slotOf(even: Float64Array, odd: Float64Array) {
    const doubles = new Float64Array(2 * SLOT_DOUBLES);
    doubles.set(even, 0);
    doubles.set(odd, SLOT_DOUBLES);
    return { doubles, words: new Int32Array(doubles.buffer) };
  }

  test('is read from its newer half', () => {
    const { doubles, words } = slotOf(half(8, 80), half(7, 70));
    expect(readSlot(doubles, words, 0)).toMatchObject({ seq: 8, last: 80, open: true, busy: true });
  });

  test('never written reads as nothing', () => {
    const { doubles, words } = slotOf(new Float64Array(SLOT_DOUBLES), new Float64Array(SLOT_DOUBLES));
    expect(readSlot(doubles, words, 0)).toBeNull();
  });

  test('torn anywhere in its newer half is read from the older one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: SLOT_DOUBLES * 8 - 1 }), (written) => {
        const older = new Uint8Array(half(6, 60).buffer);
        const newer = new Uint8Array(half(8, 80).buffer);
        const torn = new Uint8Array([...newer.slice(0, written), ...older.slice(written)]);
        const { doubles, words } = slotOf(new Float64Array(torn.buffer), half(7, 70));
        const read = readSlot(doubles, words, 0);
        const whole = torn.every((byte, i) => byte === newer[i]);
        expect(read?.last).toBe(whole ? 80 : 70);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the owner', () => {
  test('holds a lock that nobody else gets while it lives', () => {
    const journal = new Journal({ root });
    expect(lockOwner(journal.folder)).toBeNull();
    journal.close(false);
    const lock = lockOwner(journal.folder);
    expect(lock).not.toBeNull();
    lock?.release();
  });
});
