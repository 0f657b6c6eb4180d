/**
 * A process to be killed: hands offsets to a "handler" through a real track and journal, no Kafka. The handler writes
 * each offset to a ground-truth file first. argv: root, truth file, first offset, mode (message|every|failing|batch|gaps), work
 * in us, the journal's limit in bytes.
 */
const { openSync, writeSync } = require('node:fs');
const { Journal } = require('../../dist/journal');
const { Track } = require('../../dist/kafka/track');

const [root, truthFile, from, mode, workUs, limitBytes] = process.argv.slice(2);
const journal = new Journal({ root, ...(limitBytes ? { limitBytes: Number(limitBytes) } : {}) });
const at = Date.now();
const session = journal.nextRef();
journal.define({
  t: 'session',
  session,
  key: `session-${process.pid}-${at}`,
  group: 'killed',
  host: 'here',
  pid: process.pid,
  bootId: '',
  at,
  version: '0',
  settings: {},
});
journal.define({ t: 'cluster', session, clusterId: 'cluster' });
const topic = journal.nextRef();
journal.define({ t: 'topic', topic, name: 'topic', topicId: null });
const ref = journal.nextTrack();
journal.define({ t: 'track', track: ref, session, topic, partition: 0 });
const track = new Track({
  journal,
  track: ref,
  topic: 'topic',
  partition: 0,
  idleMs: 15_000,
  everyRecord: mode === 'every',
  inferEnds: true,
  onProblem: (error) => {
    throw error;
  },
});
const truth = openSync(truthFile, 'a');

function spin() {
  const end = performance.now() + Number(workUs) / 1000;
  while (performance.now() < end);
}

function seen(offsets) {
  writeSync(truth, `${offsets.join('\n')}\n`);
}

process.send('ready');
let offset = Number(from);
if (mode === 'message' || mode === 'every') {
  for (;;) {
    const watched = track.begin(offset, { offset });
    seen([offset]);
    spin();
    if (watched) track.succeeded();
    offset++;
  }
} else if (mode === 'failing') {
  for (;;) {
    track.begin(offset, { offset });
    seen([offset]);
    spin();
    track.failed(new Error('the handler threw'));
    offset++;
  }
} else {
  for (;;) {
    const step = mode === 'gaps' ? 2 : 1;
    const messages = Array.from({ length: 20 }, (_, i) => ({ offset: String(offset + i * step) }));
    track.beginBatch(messages);
    seen(messages.map((message) => message.offset));
    for (const message of messages) {
      spin();
      track.resolved(Number(message.offset));
    }
    track.batchSucceeded(true);
    offset += 20 * step;
  }
}
