/** The life of one record: where its message was written, to whom it was delivered, what was committed over it. */
import type { ObservedTopic, RecordHistory } from '../../service/schemas';
import { addressOf, type Page, part } from '../logic/api';
import { isOfTopic } from '../logic/life';
import { visible } from '../logic/visible';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { Filters } from '../parts/filters';
import { GroupLead, Lead, World } from '../parts/lead';
import { Life } from '../parts/life';
import { deliveredWords } from '../parts/place-life';
import { Copy, Name } from '../parts/text';
import { Empty, InstrumentEmpty, OBSERVE_LINE, Told } from '../parts/told';
import { WrittenPanel } from '../parts/written';
import { useAnswer, useApp } from '../state';

interface RecordPlace {
  topic: string;
  partition: number;
  offset: number;
}

export function RecordScreen({ topic, partition, offset }: RecordPlace) {
  const { cluster, group, topic_id: topicId, id } = useApp().place.query;
  const address = addressOf(`/v1/records/${part(topic)}/${partition}/${offset}`, { cluster, group });
  const record = useAnswer<RecordHistory>(address);
  const place = `${topic}/${partition}/${offset}`;
  const own = record.value === null ? null : ofTopic(record.value, topicId);
  const first = own?.history[0];
  return (
    <>
      <Near topic={topic} partition={partition} offset={offset} />
      <h1>
        Record <bdi>{visible(topic)}</bdi>
        <span class="num">
          /{partition}/{offset}
        </span>{' '}
        <Copy text={place} what="the place" />
      </h1>
      <p class="title">
        <Elsewhere
          values={{
            topic,
            partition,
            offset,
            cluster: cluster ?? first?.cluster ?? null,
            group: group ?? first?.group ?? null,
          }}
        />
        <Export address={address} name={`record-${partition}-${offset}`} lists={false} />
      </p>
      <Filters choices={[]} given={['cluster', 'topic_id', 'group']} />
      {id === undefined ? null : (
        <p class="note">
          Searched for as an id: <MessageLead id={id} />
        </p>
      )}
      {record.error?.code === 'not-found' ? (
        <NotFound words={record.error.message} id={id ?? place} />
      ) : (
        <Told answer={record}>{(value) => <Found record={ofTopic(value, topicId)} cluster={cluster} />}</Told>
      )}
    </>
  );
}

/** A topic that was made anew has its places again. */
function ofTopic(record: RecordHistory, topicId: string | undefined): RecordHistory {
  const isOwn = (one: { topic_id: string | null }) => isOfTopic(one.topic_id, topicId);
  const { history, copies, written } = record;
  return {
    ...record,
    history: history.filter(isOwn),
    copies: copies.filter(isOwn),
    written: written.filter(isOwn),
  };
}

/** Its neighbours, of the same cluster, topic and group. */
function Near({ topic, partition, offset }: RecordPlace) {
  const { cluster = null, group = null, topic_id = null } = useApp().place.query;
  const near = (to: number) => (
    <Lead to={{ name: 'record', topic, partition, offset: to }} query={{ cluster, group, topic_id }}>
      offset {to}
    </Lead>
  );
  return (
    <p class="note">
      <Lead to={{ name: 'redeliveries' }} query={{ cluster, group, topic, partition: String(partition) }}>
        Redeliveries of this partition
      </Lead>
      {offset > 0 ? <> · {near(offset - 1)}</> : null} · {near(offset + 1)}
    </p>
  );
}

function MessageLead({ id }: { id: string }) {
  return (
    <Lead to={{ name: 'identity', id }}>
      message <Name text={id} max={80} />
    </Lead>
  );
}

function NotFound({ words, id }: { words: string; id: string }) {
  return (
    <Panel title="Not found">
      <p>{visible(words, 1_000)}</p>
      <p>
        Ids may look like places: is it the <MessageLead id={id} />?
      </p>
      <InstrumentEmpty>Deliveries are seen of instrumented consumers. To start one:</InstrumentEmpty>
      <Empty line={OBSERVE_LINE}>Copies are found in topics that are observed. To observe them:</Empty>
    </Panel>
  );
}

function Found({ record, cluster }: { record: RecordHistory; cluster: string | undefined }) {
  const { topic, history } = record;
  const address = addressOf('/v1/topics', { topic, cluster });
  const topics = useAnswer<Page<ObservedTopic>>(address).value?.items ?? [];
  // The same place on another cluster, or in a topic of that name that is gone, is another record.
  const isMixed = new Set([...history, ...record.copies, ...record.written].map(worldOf)).size > 1;
  return (
    <>
      <WrittenPanel record={record} isObserved={topics.length > 0} isMixed={isMixed} />
      {history.length === 0 ? (
        <Panel title="Delivered">
          <InstrumentEmpty>
            No group that reads this partition is instrumented. Deliveries are seen once one is:
          </InstrumentEmpty>
        </Panel>
      ) : (
        history.map((one) => (
          <Delivered
            key={JSON.stringify([one.cluster, one.group, one.topic_id])}
            one={one}
            offset={record.offset}
            isMixed={isMixed}
          />
        ))
      )}
    </>
  );
}

function worldOf({ cluster, topic_id }: { cluster: string; topic_id: string | null }): string {
  return JSON.stringify([cluster, topic_id]);
}

function Delivered({
  one,
  offset,
  isMixed,
}: {
  one: RecordHistory['history'][number];
  offset: number;
  isMixed: boolean;
}) {
  const words = deliveredWords(one);
  return (
    <Panel
      title={`${words.charAt(0).toUpperCase()}${words.slice(1)}`}
      more={
        <>
          <span class="note">to</span> <GroupLead group={one.group} cluster={one.cluster} />
          {isMixed ? <World of={one} /> : null}
        </>
      }
    >
      {one.deliveries.length === 0 && one.events.length === 0 ? (
        <p class="note">The ledger knows of no delivery of it to this group: none yet, or before it began.</p>
      ) : (
        <Life history={one} offset={offset} />
      )}
    </Panel>
  );
}
