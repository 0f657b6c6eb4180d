/** One observed topic: causes, time between copies, where identities stand, and where its observer does. */
import type { ObservedTopic } from '../../service/schemas';
import { count, counted, duration, percent } from '../logic/format';
import { kindWords } from '../logic/words';
import { Bars } from './bars';
import { Cause } from './cause';
import { DelayHistogram } from './delays';
import { Elsewhere } from './elsewhere';
import { Facts, Panel } from './facts';
import { Offsets } from './lead';
import { Offset } from './offset';
import { Table } from './table';
import { Name, Time } from './text';
import { Empty } from './told';

/** `isAlone`: no other has its name, so its cluster need not be told. */
export function ObservedTopicPanels({ topic, isAlone }: { topic: ObservedTopic; isAlone: boolean }) {
  const { time_to_duplicate: delay, window, causes, identity_sources: sources } = topic;
  const { sequence_anomalies: anomalies } = topic;
  return (
    <>
      <h2>
        <Name text={topic.topic} />
        {isAlone ? null : (
          <span class="note">
            {' '}
            on <Name text={topic.cluster} max={40} />
            {topic.topic_id === null ? null : `, id ${topic.topic_id.slice(0, 8)}`}
          </span>
        )}{' '}
        <Elsewhere values={{ topic: topic.topic, cluster: topic.cluster }} />
      </h2>
      <div class="columns">
        <div class="wide-column">
          <Panel title="Duplicates by cause">
            {causes.length === 0 ? (
              <Empty>None so far, or their causes are still looked into: that takes up to a minute.</Empty>
            ) : (
              <Bars
                bars={causes.map(({ kind, cause, records }) => ({
                  key: `${kind} ${cause}`,
                  words: (
                    <>
                      <Cause cause={cause} /> <span class="note">{kindWords(kind)}</span>
                    </>
                  ),
                  value: records,
                }))}
              />
            )}
          </Panel>
          <Panel title="Time between copies, and what to remember">
            {delay === null ? (
              <Empty>No duplicate was seen, so nothing tells how long a consumer must remember.</Empty>
            ) : (
              <DelayHistogram delays={delay} />
            )}
          </Panel>
        </div>
        <div class="wide-column">
          <Panel title="Where identities stand">
            <Bars
              bars={sources.map(({ source, records, ratio }) => ({
                key: source ?? '',
                words: source === null ? 'none found' : <Name text={source} max={60} />,
                value: records,
                told: percent(ratio),
              }))}
            />
          </Panel>
          <Panel title="The observer's memory">
            {window === null || window.identities === 0 ? (
              <Empty>No identity was found in this topic yet. Name where it stands: --identity.</Empty>
            ) : (
              <Facts
                facts={[
                  { name: 'Identities', value: count(window.identities) },
                  {
                    name: 'Finds copies',
                    value: `up to ${duration(window.reach_seconds)} apart`,
                    note: window.shorter ? 'less than configured' : undefined,
                  },
                  { name: 'Configured', value: duration(window.configured_seconds) },
                  { name: 'Ended by', value: window.ended_by ?? 'nothing yet' },
                ]}
              />
            )}
          </Panel>
          {anomalies.batches === 0 ? null : (
            <Panel title="Sequences used twice">
              <p>
                {counted(anomalies.batches, 'record batch', 'record batches')} with numbers that their
                producer had used before: the broker had lost what it knew of the producer.
              </p>
              <Table
                label="Batches"
                items={anomalies.latest}
                keyOf={({ partition, offset }) => `${partition}/${offset}`}
                columns={[
                  {
                    title: 'First record',
                    cell: ({ partition, offset }) => <Offsets of={{ ...topic, partition }} first={offset} />,
                  },
                  { title: 'Written', cell: ({ at }) => <Time at={at} /> },
                  { title: 'Producer', cell: ({ producer }) => `${producer.id}, epoch ${producer.epoch}` },
                  {
                    title: 'Sequence',
                    cell: ({ producer, previous }) => `${producer.sequence}, behind ${previous.sequence}`,
                  },
                ]}
              />
            </Panel>
          )}
          <Panel title="Where the observer stands">
            <Table
              label="Partitions"
              items={topic.partitions}
              keyOf={({ partition }) => partition}
              columns={[
                { title: 'Partition', cell: ({ partition }) => partition, number: true },
                { title: 'Next offset', cell: ({ next_offset: next }) => <Offset at={next} />, number: true },
                { title: 'State', cell: ({ state }) => state.replace('_', ' ') },
                { title: 'Read at', cell: ({ observed_at: at }) => <Time at={at} /> },
              ]}
            />
          </Panel>
        </div>
      </div>
    </>
  );
}
