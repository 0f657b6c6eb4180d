/** Topics that are observed: what was written twice and why, how identities are found, how long to remember. */
import { useMemo } from 'preact/hooks';
import type { Duplicate, ObservedTopic } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { count, counted, duration, percent } from '../logic/format';
import { rangeQuery } from '../logic/range';
import { visible } from '../logic/visible';
import { kindWords } from '../logic/words';
import { Bars } from '../parts/bars';
import { Cause } from '../parts/cause';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Facts, Figures, Panel } from '../parts/facts';
import { type Choice, Filters } from '../parts/filters';
import { DuplicateTable } from '../parts/finding-tables';
import { Lead, Offsets } from '../parts/lead';
import { Paging } from '../parts/paging';
import { Table } from '../parts/table';
import { Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told } from '../parts/told';
import { useAnswer, useApp, useRange } from '../state';

const NAMESAKES_MAX = 5;
const KINDS: Choice = {
  key: 'kind',
  title: 'Kind',
  values: ['duplicate', 'id_reuse', 'intentional'].map((kind) => [kind, kindWords(kind)] as const),
};

export function TopicsScreen() {
  const topics = useAnswer<Page<ObservedTopic>>('/v1/topics');
  return (
    <>
      <h1>Topics</h1>
      <Told answer={topics}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel title="No topic is observed">
              <Empty line={OBSERVE_LINE}>
                Name topics to find what was written to them more than once. They are read, nothing is
                written:
              </Empty>
            </Panel>
          ) : (
            <Observed topics={items} />
          )
        }
      </Told>
    </>
  );
}

function Observed({ topics }: { topics: readonly ObservedTopic[] }) {
  const { topic: chosen, cluster } = useApp().place.query;
  const clusters = useMemo(() => [...new Set(topics.map((topic) => topic.cluster))], [topics]);
  const within = topics.filter((topic) => cluster === undefined || topic.cluster === cluster);
  // Of one name there may be several: on other clusters, or made anew.
  const named = within.filter(({ topic }) => topic === chosen);
  const shown = named.length > 0 ? named.slice(0, NAMESAKES_MAX) : within.slice(0, 1);
  const choices = useMemo(
    (): Choice[] => [
      {
        key: 'topic',
        title: 'Topic',
        values: [...new Set(topics.map(({ topic }) => topic))].map(
          (topic) => [topic, visible(topic, 60)] as const,
        ),
      },
      ...(clusters.length < 2
        ? []
        : [
            {
              key: 'cluster',
              title: 'Cluster',
              values: clusters.map((name) => [name, visible(name, 40)] as const),
            },
          ]),
      KINDS,
    ],
    [topics, clusters],
  );
  return (
    <>
      <Panel title="Observed" more={<Export address="/v1/topics" name="topics" lists />}>
        <Table
          label="Observed topics"
          items={topics}
          keyOf={({ cluster, topic, topic_id }) => JSON.stringify([cluster, topic, topic_id])}
          columns={[
            {
              title: 'Topic',
              cell: ({ topic, cluster: of }) => (
                <Lead to={{ name: 'topics' }} query={{ topic, cluster: of }}>
                  <Name text={topic} max={60} />
                </Lead>
              ),
            },
            { title: 'Records', cell: ({ records }) => count(records), number: true },
            { title: 'Duplicates', cell: ({ duplicates }) => count(duplicates), number: true },
            {
              title: 'Ids reused',
              cell: ({ id_reuses: reuses }) => count(reuses),
              number: true,
              from: 'medium',
            },
            {
              title: 'With identity',
              cell: ({ identity_ratio: ratio }) => percent(ratio),
              number: true,
              from: 'medium',
            },
            { title: 'Observer', cell: observerWords },
            { title: 'Cluster', cell: ({ cluster: of }) => <Name text={of} max={24} />, from: 'wide' },
          ]}
        />
      </Panel>
      <Filters choices={choices} />
      {shown.map((one) => (
        <OneTopic
          key={JSON.stringify([one.cluster, one.topic, one.topic_id])}
          topic={one}
          isAlone={shown.length === 1 && clusters.length === 1}
        />
      ))}
      <Duplicates />
    </>
  );
}

function observerWords({ partitions }: ObservedTopic): string {
  const behind = partitions.filter(({ state }) => state === 'catching_up').length;
  return behind === 0
    ? `live on ${partitions.length} partitions`
    : `catching up on ${behind} of ${partitions.length} partitions`;
}

/** `isAlone`: no other has its name, so its cluster need not be told. */
function OneTopic({ topic, isAlone }: { topic: ObservedTopic; isAlone: boolean }) {
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
              <>
                <Figures
                  facts={[
                    { name: 'To catch 99%', value: duration(delay.window_seconds.p99) },
                    { name: 'To catch 99.9%', value: duration(delay.window_seconds.p999) },
                    { name: 'To catch all seen', value: duration(delay.window_seconds.all) },
                  ]}
                />
                <Bars
                  bars={[
                    ['half within', delay.p50_seconds] as const,
                    ['90% within', delay.p90_seconds] as const,
                    ['99% within', delay.p99_seconds] as const,
                    ['the longest', delay.max_seconds] as const,
                  ].map(([words, seconds]) => ({
                    key: words,
                    words,
                    value: seconds,
                    told: duration(seconds),
                  }))}
                />
                <p class="advice">{delay.advice}</p>
              </>
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
                { title: 'Next offset', cell: ({ next_offset: next }) => next, number: true },
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

function Duplicates() {
  const { cluster, topic, kind, cursor } = useApp().place.query;
  const address = addressOf('/v1/duplicates', {
    ...rangeQuery(useRange()),
    cluster,
    topic,
    kind,
    limit: 50,
    cursor,
  });
  const duplicates = useAnswer<Page<Duplicate>>(address);
  return (
    <Panel title="Copies, the latest found first" more={<Export address={address} name="duplicates" lists />}>
      <Told answer={duplicates}>
        {({ items, next_cursor: next }) =>
          items.length === 0 ? (
            <Empty>None was found within this time. Take a longer one above to look further back.</Empty>
          ) : (
            <>
              <DuplicateTable items={items} />
              <Paging next={next} shown={items.length} />
            </>
          )
        }
      </Told>
    </Panel>
  );
}
