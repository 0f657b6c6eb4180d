/** Causes where the chaos found the ledger wrong: evidence of several processes, told by reports, through a real store. */
import { join } from 'node:path';
import type { Evidence, SessionEnded } from '../../src/ledger';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';

const folder = testFolder('cause-evidence');
const START = Date.now() - 600_000;
const SESSION = 1;
const TOPIC = 2;
const TRACK = 3;

/** A consumer process that joins, is given records and ends, at times in seconds of its own clock. */
class Told {
  private readonly name = uniqueName('process');
  private readonly facts: Evidence[] = [];
  private members = 10;
  private runs = 0;

  constructor(
    private readonly writer: Writer,
    clock: { aheadS?: number; bootId?: string } = {},
  ) {
    this.facts.push(
      {
        ...{ t: 'session', session: SESSION, key: this.name, group: 'billing', host: 'here', pid: 1 },
        ...{ bootId: clock.bootId ?? 'boot', at: START, version: '0' },
        settings: { sessionTimeoutMs: 2_000, clockMs: (clock.aheadS ?? 0) * 1_000 },
      },
      { t: 'cluster', session: SESSION, clusterId: 'cluster' },
      { t: 'topic', topic: TOPIC, name: 'payments', topicId: null },
      { t: 'track', track: TRACK, session: SESSION, topic: TOPIC, partition: 0 },
    );
  }

  /** @param committed what it found: nothing with null; undefined where that is not known */
  joins(
    s: number,
    generation: number,
    committed: number | null | undefined,
    {
      announced = true,
      logStart = 0,
      logEnd = null,
    }: { announced?: boolean; logStart?: number; logEnd?: number | null } = {},
  ): this {
    const member = ++this.members;
    this.facts.push(
      {
        ...{ t: 'join', member, session: SESSION, memberId: `${this.name} ${member}`, clientId: null },
        ...{ leader: false, at: at(s), announced, silentMs: 3_000, assignment: { payments: [0] } },
      },
      { t: 'generation', member, generation },
    );
    if (committed !== undefined) {
      this.facts.push({
        ...{ t: 'start', track: TRACK, at: at(s) + 1, committed, logStart },
        ...{ logEnd, compacted: null },
      });
    }
    return this;
  }

  gets(
    s: number,
    first: number,
    last: number,
    ending: { handled?: number; error?: string; lasts?: number } = {},
  ): this {
    const { handled = last + 1, error, lasts = 0.1 } = ending;
    this.facts.push({
      ...{ t: 'run', run: ++this.runs, track: TRACK, member: this.members, first, last, handled },
      ...{ uncertainLast: last, firstAt: at(s), lastAt: at(s + lasts) },
      outcome: handled > last ? 'handled' : 'failed',
      ...(error === undefined ? {} : { error }),
    });
    return this;
  }

  seeks(s: number, offset: number): this {
    this.facts.push({
      t: 'seek',
      session: SESSION,
      topic: 'payments',
      partition: 0,
      offset: String(offset),
      at: at(s),
    });
    return this;
  }

  /** Lowered commits are told as such, others by slots: `to` is acknowledged from then on. */
  commits(s: number, from: number, to: number): this {
    this.facts.push({ t: 'rewind', track: TRACK, at: at(s), from, to });
    return this;
  }

  ends(s: number, how: SessionEnded['how']): this {
    this.facts.push({ t: 'end', session: SESSION, at: at(s), how });
    return this;
  }

  tell(died = false): void {
    const lines = this.facts.map((evidence, i) => ({ seq: i + 1, evidence }));
    this.writer.report({
      ...{ version: 1, journal: this.name, begins: true, from: 1, to: lines.length, lines, slots: [], died },
      owner: { host: 'here', bootId: 'boot', pidNamespace: '', pid: 1, pidStart: '' },
    });
  }
}

const at = (s: number) => START + s * 1_000;

/** What the ledger says of the redeliveries, after the processes of `scene` have told. */
function causes(...scenes: ((writer: Writer) => void)[]): string[] {
  const store = join(folder, `${uniqueName('store')}.db`);
  const writer = new Writer({ storePath: store, ownJournal: null, retention: DEFAULT_RETENTION });
  writer.open();
  for (const [more, scene] of scenes.entries()) {
    scene(writer);
    writer.settle(Date.now() + more * 5_000);
  }
  writer.close();
  return query<{ first: number; last: number; cause: string; certainty: string }>(
    store,
    'SELECT first, last, cause, certainty FROM redelivery ORDER BY first, at',
  ).map(({ first, last, cause, certainty }) => `${first}..${last} ${cause} ${certainty}`);
}

describe('a zombie', () => {
  test('is of an older generation and an older join', () => {
    const told = causes((writer) => {
      new Told(writer).joins(0, 4, 0).gets(20, 5, 9).tell();
      new Told(writer).joins(10, 5, 5).gets(11, 5, 9).tell();
    });
    expect(told).toEqual(['5..9 zombie proven']);
  });

  test('is none where a deleted group began with generation 1 again', () => {
    const told = causes((writer) => {
      new Told(writer).joins(0, 7, 0).commits(0.5, 11, 10).gets(1, 0, 9).ends(3, 'disconnect').tell();
      new Told(writer).joins(10, 1, null).gets(11, 0, 9).tell();
    });
    expect(told).toEqual(['0..9 offsets_expired proven']);
  });

  test('is not proven where both deliver at once: a run does not tell which of the two was first', () => {
    const told = causes((writer) => {
      new Told(writer).joins(0, 4, 0).gets(12, 8, 9).tell();
      new Told(writer).joins(10, 5, 5).gets(11, 5, 9, { lasts: 4 }).tell();
    });
    expect(told).toEqual(['8..9 zombie probable']);
  });
});

describe('a member that was thrown out', () => {
  const thrownOut = (gotAt: number) =>
    causes((writer) => {
      new Told(writer)
        .joins(0, 4, 0)
        .gets(gotAt, 5, 6, { lasts: 2 })
        .joins(20, 6, 10, { announced: false })
        .tell();
      new Told(writer).joins(10, 5, 5).gets(14, 5, 9).tell();
    });

  test('delivered before the new owner had joined', () => {
    expect(thrownOut(7)).toEqual(['5..6 session_timeout proven']);
  });

  test('still delivered, a moment before the new owner did', () => {
    expect(thrownOut(13)).toEqual(['5..6 zombie probable']);
  });
});

describe('clocks that differ', () => {
  const killed = (earlier: object, later: object) =>
    causes((writer) => {
      new Told(writer, earlier).joins(100, 4, 0).gets(101, 5, 9).tell(true);
      new Told(writer, later).joins(13, 5, 5).gets(14, 5, 9).tell();
    });

  test('on one machine: the monotonic clock tells which was the later copy', () => {
    expect(killed({}, { aheadS: -90 })).toEqual(['5..9 killed_before_commit probable']);
  });

  const laterCommit = (clock: object) =>
    causes((writer) => {
      new Told(writer).joins(0, 1, 0).gets(1, 0, 9).tell(true);
      new Told(writer).joins(10, 2, 0, { logEnd: 10 }).gets(11, 0, 9).tell();
      // By its own clock 55 s before the second one joined; by theirs 35 s after.
      new Told(writer, clock).joins(-50, 3, 10).commits(-45, 241, 240).tell();
    });

  test('on one machine: a commit counts when it was, not when a clock says', () => {
    expect(laterCommit({ aheadS: -90 })).toEqual(['0..9 killed_before_commit proven']);
    // Without the difference it tells that the log has lost its end.
    expect(laterCommit({})).toEqual(['0..9 truncated probable']);
  });

  test('on one machine: times of both sides are compared by one clock', () => {
    const stillDelivered = (aheadS: number) =>
      causes((writer) => {
        new Told(writer, { aheadS })
          .joins(aheadS, 4, 0)
          .gets(aheadS + 13, 5, 6, { lasts: 0.5 })
          .joins(aheadS + 20, 6, 10, { announced: false })
          .tell();
        new Told(writer).joins(10, 5, 5).gets(14, 5, 9).tell();
      });
    expect(stillDelivered(0)).toEqual(['5..6 zombie probable']);
    expect(stillDelivered(-90)).toEqual(['5..6 zombie probable']);
  });

  test('of three deliveries: none has its cause named where some stand in the wrong order', () => {
    const told = (aheadS: number) =>
      causes((writer) => {
        new Told(writer).joins(0, 1, 0).gets(1, 0, 9).tell(true);
        new Told(writer, { aheadS })
          .joins(aheadS + 10, 2, 0)
          .gets(aheadS + 11, 0, 9)
          .tell(true);
        new Told(writer).joins(20, 3, 0).gets(21, 0, 9).tell();
      });
    expect(told(0)).toEqual(['0..9 killed_before_commit proven', '0..9 killed_before_commit proven']);
    expect(told(60)).toEqual(['0..9 unknown unknown', '0..9 unknown unknown']);
  });

  test('on two machines: the generations do', () => {
    expect(killed({}, { bootId: 'other' })).toEqual(['5..9 killed_before_commit probable']);
    // Where a system tells no boot id, two processes are not known to be on one machine.
    expect(killed({ bootId: '' }, { bootId: '' })).toEqual(['5..9 killed_before_commit probable']);
  });
});

describe('the member that had the copy before ended', () => {
  test('by the rebalance that it took part in, whatever became of its session later', () => {
    const evictedLater = causes((writer) => {
      new Told(writer)
        .joins(0, 1, 0)
        .gets(1, 0, 9)
        .joins(2, 2, 0)
        .joins(9, 4, 10, { announced: false })
        .tell();
      new Told(writer).joins(2, 2, 0).gets(3, 0, 9).tell();
    });
    expect(evictedLater).toEqual(['0..9 rebalance_before_commit proven']);
    const killedLater = causes((writer) => {
      new Told(writer).joins(0, 1, 0).gets(1, 0, 9).joins(2, 2, 0).tell(true);
      new Told(writer).joins(2, 2, 0).gets(3, 0, 9).tell();
    });
    expect(killedLater).toEqual(['0..9 rebalance_before_commit proven']);
  });

  test('in a way that is not guessed while its host is silent, and told when that has spoken, however late', () => {
    let host: Told;
    const scenes = [
      (writer: Writer) => {
        host = new Told(writer).joins(0, 4, 0).gets(1, 0, 9);
        host.tell();
        new Told(writer).joins(60, 5, 0).gets(61, 0, 9).tell();
      },
      () => host.tell(true),
    ];
    expect(causes(...scenes.slice(0, 1))).toEqual(['0..9 unknown unknown']);
    expect(causes(...scenes)).toEqual(['0..9 killed_before_commit proven']);
  });

  test('by being thrown out', () => {
    const told = causes((writer) => {
      new Told(writer).joins(0, 1, 0).gets(1, 0, 9).joins(8, 3, 10, { announced: false }).tell();
      new Told(writer).joins(5, 2, 0).gets(6, 0, 9).tell();
    });
    expect(told).toEqual(['0..9 session_timeout proven']);
  });
});

describe('a handler that threw', () => {
  test('is the cause, too, when its consumer crashed by it and another one got the record', () => {
    const told = causes((writer) => {
      const error = 'TypeError: cannot read the payment';
      new Told(writer).joins(0, 1, 0).gets(1, 0, 9, { handled: 9, error }).ends(2, 'crash').tell();
      new Told(writer).joins(3, 2, 9).gets(4, 9, 9).tell();
    });
    expect(told).toEqual(['9..9 handler_error proven']);
  });

  test('is not when it passed on what kafkajs threw at it', () => {
    const told = causes((writer) => {
      const error = 'KafkaJSProtocolError: The group is rebalancing, so a rejoin is needed';
      new Told(writer).joins(0, 1, 0).gets(1, 0, 9, { handled: 9, error }).joins(2, 2, 9).tell();
      new Told(writer).joins(2, 2, 9).gets(4, 9, 9).tell();
    });
    expect(told).toEqual(['9..9 rebalance_before_commit proven']);
  });
});

test('a seek is the cause also where another process had the copy before', () => {
  const told = causes((writer) => {
    new Told(writer).joins(0, 1, 0).gets(1, 0, 9).ends(2, 'disconnect').tell();
    new Told(writer).joins(3, 2, 10).seeks(5, 4).gets(6, 4, 9).tell();
  });
  expect(told).toEqual(['4..9 seek proven']);
});

test('where it is not known what a member began with, a reset is not called proven for what it delivered', () => {
  const told = causes((writer) => {
    new Told(writer).joins(0, 1, 0).commits(0.5, 13, 12).gets(1, 0, 11).ends(3, 'disconnect').tell();
    new Told(writer)
      .joins(10, 3, undefined)
      .gets(11, 3, 11)
      .joins(15, 5, 3, { announced: false })
      .gets(16, 3, 11)
      .tell();
  });
  expect(told[1]).toBe('3..11 session_timeout proven');
  expect(told[0]).not.toContain('reset');
});

test('a reset is the cause of one redelivery, and not of those that follow before anything is committed', () => {
  const told = causes((writer) => {
    // 12 was acknowledged, then somebody set 3.
    new Told(writer).joins(0, 1, 0).commits(0.5, 13, 12).gets(1, 0, 11).ends(3, 'disconnect').tell();
    new Told(writer)
      .joins(10, 3, 3)
      .gets(11, 3, 11)
      .joins(15, 5, 3, { announced: false })
      .gets(16, 3, 11)
      .tell();
  });
  expect(told).toEqual(['3..11 reset proven', '3..11 session_timeout proven']);
});
