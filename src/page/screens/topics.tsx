/** Topics that are observed: what was written twice and why, how identities are found, how long to remember. */
import { useMemo } from 'preact/hooks';
import type { Duplicate, ObservedTopic } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { count, percent } from '../logic/format';
import { rangeQuery } from '../logic/range';
import { visible } from '../logic/visible';
import { kindWords } from '../logic/words';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { type Choice, Filters } from '../parts/filters';
import { DuplicateTable } from '../parts/finding-tables';
import { Lead } from '../parts/lead';
import { ObservedTopicPanels } from '../parts/observed-topic';
import { Paging } from '../parts/paging';
import { Table } from '../parts/table';
import { Name } from '../parts/text';
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
  const { topic: chosen, cluster, id } = useApp().place.query;
  const clusters = useMemo(() => [...new Set(topics.map((topic) => topic.cluster))], [topics]);
  const meant = meantOf(topics, { topic: chosen, cluster, id });
  const shown = meant.slice(0, NAMESAKES_MAX);
  const choices = useMemo(
    (): Choice[] => [
      {
        key: 'topic',
        title: 'Topic',
        values: withChosen(
          topics.map(({ topic }) => topic),
          chosen,
          60,
        ),
      },
      ...(clusters.length < 2 && (cluster === undefined || clusters.includes(cluster))
        ? []
        : [{ key: 'cluster', title: 'Cluster', values: withChosen(clusters, cluster, 40) }]),
      KINDS,
    ],
    [topics, clusters, chosen, cluster],
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
              cell: ({ topic, cluster: of, topic_id: topicId }) => (
                <Lead to={{ name: 'topics' }} query={{ topic, cluster: of, id: topicId }}>
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
      {shown.length === 0 ? <NotObserved topic={chosen} cluster={cluster} /> : null}
      {shown.map((one) => (
        <ObservedTopicPanels
          key={JSON.stringify([one.cluster, one.topic, one.topic_id])}
          topic={one}
          isAlone={
            clusters.length === 1 && topics.every((other) => other === one || other.topic !== one.topic)
          }
        />
      ))}
      {meant.length > shown.length ? (
        <p class="note">
          {count(meant.length - shown.length)} more of that name: each has a row of its own above.
        </p>
      ) : null}
      <Duplicates />
    </>
  );
}

/** Nothing chosen means the first. Of one name there may be several: on other clusters, or made anew. */
function meantOf(
  topics: readonly ObservedTopic[],
  { topic, cluster, id }: { topic: string | undefined; cluster: string | undefined; id: string | undefined },
): readonly ObservedTopic[] {
  const within = topics.filter((one) => cluster === undefined || one.cluster === cluster);
  if (topic === undefined) return within.slice(0, 1);
  const named = within.filter((one) => one.topic === topic);
  // Another one may have been chosen since by its name alone.
  const made = named.filter((one) => one.topic_id === id);
  return made.length > 0 ? made : named;
}

/** What can be chosen, and what is chosen though it is not among them. */
function withChosen(names: readonly string[], chosen: string | undefined, max: number) {
  const all = new Set(chosen === undefined ? names : [...names, chosen]);
  return [...all].map((name) => [name, visible(name, max)] as const);
}

/** What Kafka takes as the name of a topic: what else stands in an address goes into no line for a shell. */
const TOPIC_NAME = /^[\w.-]{1,249}$/;

function NotObserved({ topic, cluster }: { topic: string | undefined; cluster: string | undefined }) {
  const line =
    topic !== undefined && TOPIC_NAME.test(topic)
      ? `dupescope serve --brokers localhost:9092 --topics '${topic}'`
      : OBSERVE_LINE;
  return (
    <Panel title="Not observed">
      <Empty line={line}>
        {topic === undefined ? (
          'No topic is observed'
        ) : (
          <>
            <Name text={topic} max={60} /> is not observed
          </>
        )}
        {cluster === undefined ? null : (
          <>
            {' '}
            on <Name text={cluster} max={40} />
          </>
        )}
        , so nothing tells what was written to it more than once. To find that, name it beside what is
        observed already (nothing is written to it):
      </Empty>
    </Panel>
  );
}

function observerWords({ partitions }: ObservedTopic): string {
  const behind = partitions.filter(({ state }) => state === 'catching_up').length;
  return behind === 0
    ? `live on ${partitions.length} partitions`
    : `catching up on ${behind} of ${partitions.length} partitions`;
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
