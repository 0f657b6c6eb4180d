/**
 * An observer to be killed: reads a made log (of which everybody can tell what it holds) through the real index, from
 * where the store says it stands. argv: store, partitions, records a partition.
 */
const { RecordReader } = require('../../dist/identity');
const { IdentityIndex } = require('../../dist/store/identity');
const { openStore } = require('../../dist/store/open');

/** Every 7th record repeats one of before: 1 to 900 offsets back, or of the other partition. Every 31st has none. */
function recordAt(partition, offset) {
  const copies = offset % 7 === 3 && offset > 1_000;
  const origin = copies ? offset - 1 - ((offset * 131) % 900) : offset;
  const from = copies && offset % 3 === 0 ? 0 : partition;
  return {
    offset: String(offset),
    timestamp: String(1_700_000_000_000 + offset),
    key: null,
    value: Buffer.from(`payload ${from} ${origin}`),
    headers: offset % 31 === 0 ? {} : { 'message-id': Buffer.from(`m-${from}-${origin}`) },
    batchContext: { firstOffset: String(offset), lastOffsetDelta: 0, producerId: '-1', firstSequence: -1 },
  };
}

function batchAt(reader, partition, from, count) {
  return {
    cluster: 'cluster',
    topic: 'topic',
    topicId: null,
    partition,
    firstOffset: from,
    nextOffset: from + count,
    live: false,
    observedAt: 1_800_000_000_000,
    records: reader.read(Array.from({ length: count }, (_, i) => recordAt(partition, from + i))),
  };
}

function run(path, partitions, records) {
  const db = openStore(path);
  const index = new IdentityIndex(db, {
    snapshotPath: `${path}.identities`,
    capacity: 1_000_000,
    firstSlots: 64,
  });
  const reader = new RecordReader({ topic: 'topic', seed: index.seed });
  const next = new Array(partitions).fill(0);
  for (const { partition, nextOffset } of index.offsets()) next[partition] = nextOffset;
  process.send?.('reading');
  // In lockstep, so that what one partition repeats of the other has been read, whenever it is killed.
  for (let turn = 0; ; turn++) {
    const partition = next.indexOf(Math.min(...next));
    if (next[partition] >= records) break;
    const count = Math.min(50 + ((turn * 37) % 400), records - next[partition]);
    index.observe(batchAt(reader, partition, next[partition], count));
    next[partition] += count;
    if (turn % 60 === 59) index.maintain(Date.now());
    if (turn % 97 === 96) index.close();
  }
  index.close();
  db.close();
  process.send?.('done');
  process.disconnect?.();
}

module.exports = { recordAt };
if (require.main === module) run(process.argv[2], Number(process.argv[3]), Number(process.argv[4]));
