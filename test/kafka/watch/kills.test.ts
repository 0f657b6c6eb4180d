import { join } from 'node:path';
import { openReader } from '../../../src/store/open';
import { start } from '../../cli/command';
import { testBrokers, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { filledTopic, reading, Tool } from './groups';
import { rewindsOf, watching } from './watching';

/** DUPESCOPE_TEST_KILLS=50 for the long run. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 12);
/** Each kill ends 22 records further down. */
const RECORDS = 1_000 + KILLS * 50;

const folder = testFolder('watcher-kills');

test(
  `SIGKILL at any moment, ${KILLS} times: every rewind is found, once each, and none is invented`,
  async () => {
    const prefix = uniqueName('killed');
    const store = join(folder, 'killed.db');
    const topic = await filledTopic('killed', RECORDS);
    const [down, forward] = [`${prefix}-down`, `${prefix}-forward`];
    const tool = new Tool();
    const args = ['serve', '--store', store, '--listen', '127.0.0.1:0', '--brokers', testBrokers().join()];
    const serve = () => start([...args, '--groups', `${prefix}*`, '--lag-interval-ms', '500']);

    const made: [number, number][] = [];
    let at = RECORDS;
    // A group that had a member once: who sets it back now is an operator.
    const member = await reading(down, topic, 20);
    await member.committed(20, 20);
    await member.stop();
    await tool.commit(down, topic, { 0: at });
    let serving = serve();
    await serving.firstLine;
    for (let kill = 0; kill < KILLS; kill++) {
      // Rewinds before, at and after the kill; forward commits of others all the while.
      for (let step = 0; step < 4; step++) {
        const to = at - 7 - step;
        await tool.commit(down, topic, { 0: to });
        made.push([at, to]);
        at = to + 3;
        await tool.commit(down, topic, { 0: at });
        await tool.commit(forward, topic, { 0: kill * 10 + step, 1: kill });
        if (step === kill % 4) {
          serving.process.kill('SIGKILL');
          await serving.ended.catch(() => undefined);
        }
      }
      serving = serve();
      // Sometimes it has caught up before it is killed, sometimes it has not begun.
      if (kill % 3 > 0) await serving.firstLine;
      if (kill % 3 === 2) {
        const known = made.length;
        await until('it has caught up', () => rewindsOf(store, down).length >= known);
      }
    }
    // One more that nobody kills: what comes last is found, so everything before it was read.
    await tool.commit(down, topic, { 0: 1 });
    made.push([at, 1]);
    await tool.close();
    await until('the last one is found', () => rewindsOf(store, down).some(({ to }) => to === 1));
    const rows = rewindsOf(store, down);
    const counted = () => numberOf(store, 'SELECT sum(rewinds) FROM rewind_total', []);
    await until('all are explained and counted', () => counted() === made.length);
    serving.process.kill('SIGTERM');
    expect((await serving.ended).code).toBe(0);

    expect(rows.map(({ from, to }) => [from, to])).toEqual(made);
    expect(rewindsOf(store, down).every(({ cause }) => cause === 'reset')).toBe(true);
    expect(rewindsOf(store, forward)).toEqual([]);

    // One that was never killed counts the same, commit by commit.
    const other = join(folder, 'other.db');
    const watched = await watching(other, [`${prefix}*`]);
    await until('it has seen the last', () => rewindsOf(other, down).length >= made.length);
    await watched.stop();
    for (const sql of [COMMITS, GENERATIONS]) {
      for (const group of [down, forward])
        expect(numberOf(store, sql, [group])).toBe(numberOf(other, sql, [group]));
    }
    expect(numberOf(store, COMMITS, [down])).toBeGreaterThan(made.length);
  },
  60_000 + KILLS * 10_000,
);

const COMMITS = `SELECT sum(commits) FROM watched_offset o JOIN group_partition p ON p.id = o.gp
  JOIN consumer_group g ON g.id = p.grp WHERE g.name = ?`;
const GENERATIONS = `SELECT sum(w.rebalances) FROM watched_group w JOIN consumer_group g ON g.id = w.grp WHERE g.name = ?`;

function numberOf(path: string, sql: string, values: string[]): number | null {
  const db = openReader(path);
  try {
    return db
      .prepare(sql)
      .pluck()
      .get(...values) as number | null;
  } finally {
    db.close();
  }
}
