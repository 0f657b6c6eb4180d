/** Skipped records on a log that the broker really compacts: records that vanished are none, what was there is. */
import { testKafka, until } from '../support/broker';
import { Case } from '../support/case';
import { COMPACTION_LIMIT_MS, configureCompaction, offsetsOf, send } from '../support/compaction';
import { query } from '../support/ledger';

const KEYS = 4;
const RECORDS = 40;

const skips = (one: Case) =>
  query(
    one.store,
    `SELECT g.name AS "group", s.first, s.last, s.cause FROM skip s JOIN group_partition gp ON gp.id = s.gp
     JOIN consumer_group g ON g.id = gp.grp ORDER BY s.first`,
  );

/** Everything that the group gets, from where it stands to `last`. */
async function read(one: Case, group: string, last: number): Promise<number[]> {
  const before = one.seen.length;
  const consumer = await one.start(one.noting(), { groupId: group });
  await until(`${group} is at ${last}`, () => one.seen.at(-1) === `0 ${last}` && one.seen.length > before);
  await one.stop(consumer);
  // Who is thrown out of the group for a moment gets some twice.
  return [...new Set(one.seen.slice(before).map((place) => Number(place.split(' ')[1])))];
}

test('records that were compacted away are never skipped; records that are there are', async () => {
  const one = await Case.empty();
  const hourMs = 3_600_000;
  await configureCompaction(one.topic, hourMs);
  await send(
    one.topic,
    Array.from({ length: RECORDS }, (_, i) => ({ key: `k${i % KEYS}`, value: `v${i}` })),
  );
  // A group that was there before got them all.
  expect(await read(one, `${one.group}-early`, RECORDS - 1)).toHaveLength(RECORDS);

  await configureCompaction(one.topic, 0);
  let last = RECORDS - 1;
  let kept: number[] = [];
  await until(
    'the broker has compacted it',
    async () => {
      // A new record is what makes the broker close a segment.
      await send(one.topic, [{ key: `end ${last}`, value: 'v' }]);
      last++;
      kept = await offsetsOf(one.topic, last);
      return kept.filter((offset) => offset < RECORDS).length < RECORDS;
    },
    COMPACTION_LIMIT_MS,
  );
  await configureCompaction(one.topic, hourMs);

  kept = await read(one, one.group, last);
  // How many probes it took, and so how many records came after the first ones, is the broker's to say.
  expect(kept.filter((offset) => offset < RECORDS).length).toBeLessThan(RECORDS);
  one.settled(60_000);
  expect(query(one.store, 'SELECT DISTINCT compacted FROM partition_start')).toEqual([{ compacted: 1 }]);
  expect(skips(one)).toEqual([]);

  // A third group is set forward over records that are still there, and a fourth one gets them afterwards.
  const third = `${one.group}-third`;
  const [first, , , to] = kept as [number, number, number, number];
  const consumer = await one.start(
    {
      autoCommitThreshold: 1,
      eachMessage: async ({ partition, message, pause }) => {
        one.seen.push(`${partition} ${message.offset}`);
        pause();
      },
    },
    { groupId: third },
  );
  const before = one.seen.length;
  await until('it has the first', () => one.seen.length >= before && one.seen.at(-1) === `0 ${first}`);
  await one.stop(consumer);
  const admin = testKafka().admin();
  await admin.connect();
  await admin.setOffsets({
    groupId: third,
    topic: one.topic,
    partitions: [{ partition: 0, offset: String(to) }],
  });
  await admin.disconnect();
  await read(one, third, last);
  one.settled(120_000);
  expect(skips(one)).toEqual([]); // Nothing tells yet that they are still there.
  await read(one, `${one.group}-fourth`, last);
  one.settled(180_000);
  const skipped = skips(one) as { group: string; first: number; last: number; cause: string }[];
  expect(new Set(skipped.map(({ group, cause }) => `${group} ${cause}`))).toEqual(
    new Set([`${third} reset`]),
  );
  expect(skipped.flatMap((row) => [row.first, row.last])).toEqual([kept[1], kept[2]]);
}, 240_000);
