/** The life of one record: where its message was written, to whom it was delivered, what was committed over it. */
import type { ObservedTopic, RecordHistory } from '../../service/schemas';
import { addressOf, type Page, part } from '../logic/api';
import { counted } from '../logic/format';
import { copiesOf } from '../logic/life';
import { visible } from '../logic/visible';
import { Cause } from '../parts/cause';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { GroupLead, Lead, Offsets } from '../parts/lead';
import { Life } from '../parts/life';
import { deliveredWords, unknownProducer } from '../parts/place-life';
import { Copy, Name, Time } from '../parts/text';
import { Empty, InstrumentEmpty, OBSERVE_LINE, Told } from '../parts/told';
import { useAnswer, useApp } from '../state';

export function RecordScreen({
  topic,
  partition,
  offset,
}: {
  topic: string;
  partition: number;
  offset: number;
}) {
  const { cluster, group } = useApp().place.query;
  const address = addressOf(`/v1/records/${part(topic)}/${partition}/${offset}`, { cluster, group });
  const record = useAnswer<RecordHistory>(address);
  const first = record.value?.history[0];
  const place = `${topic}/${partition}/${offset}`;
  const near = (to: number) => ({ name: 'record', topic, partition, offset: to }) as const;
  return (
    <>
      <p class="note">
        <Lead
          to={{ name: 'redeliveries' }}
          query={{ cluster: cluster ?? null, topic, partition: String(partition) }}
        >
          Redeliveries of this partition
        </Lead>
        {offset > 0 ? (
          <>
            {' · '}
            <Lead to={near(offset - 1)}>offset {offset - 1}</Lead>
          </>
        ) : null}
        {' · '}
        <Lead to={near(offset + 1)}>offset {offset + 1}</Lead>
      </p>
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
      {record.error?.code === 'not-found' ? (
        <NotFound words={record.error.message} />
      ) : (
        <Told answer={record}>
          {(value) => (
            <>
              <Written record={value} />
              {value.history.length === 0 ? (
                <Panel title="Delivered">
                  <InstrumentEmpty>
                    No group that reads this partition is instrumented. Deliveries are seen once one is:
                  </InstrumentEmpty>
                </Panel>
              ) : (
                value.history.map((one) => (
                  <Delivered
                    key={JSON.stringify([one.cluster, one.group, one.topic_id])}
                    one={one}
                    offset={offset}
                  />
                ))
              )}
            </>
          )}
        </Told>
      )}
    </>
  );
}

function NotFound({ words }: { words: string }) {
  return (
    <Panel title="Not found">
      <p>{visible(words, 1_000)}</p>
      <InstrumentEmpty>Deliveries are seen of instrumented consumers. To start one:</InstrumentEmpty>
      <Empty line={OBSERVE_LINE}>Copies are found in topics that are observed. To observe them:</Empty>
    </Panel>
  );
}

function Written({ record }: { record: RecordHistory }) {
  const topics = useAnswer<Page<ObservedTopic>>('/v1/topics').value?.items ?? [];
  const isObserved = topics.some(({ topic }) => topic === record.topic);
  const copies = copiesOf(record);
  const last = record.copies.at(-1);
  return (
    <Panel title="Written">
      {last === undefined ? (
        <Empty {...(isObserved ? {} : { line: OBSERVE_LINE })}>
          {isObserved
            ? 'Once, as far as is known: this topic is observed, and no other copy of the message was found.'
            : 'No other copy of this message is known. Copies are found in topics that are observed:'}
        </Empty>
      ) : (
        <>
          <p>
            Its message{' '}
            <Lead to={{ name: 'identity', id: last.identity ?? last.identity_hash }}>
              <Name text={last.identity ?? last.identity_hash} max={80} />
            </Lead>{' '}
            stands in the log {counted(copies.length, 'time')}:{' '}
            <Cause cause={last.cause} certainty={last.certainty} />
          </p>
          <ol class="life">
            {copies.map((copy) => (
              <li key={`${copy.partition}/${copy.offset}`} class={copy.isThis ? 'again' : ''}>
                <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
                  <path d="M3.5 3.5h9v9h-9z" />
                </svg>
                <span>
                  <Time at={copy.at} form="ms" />{' '}
                  {copy.isThis ? (
                    <strong>this record</strong>
                  ) : (
                    <Offsets topic={record.topic} partition={copy.partition} first={copy.offset} />
                  )}
                </span>
                <span class="detail">{copy.producer === null ? unknownProducer : `by ${copy.producer}`}</span>
              </li>
            ))}
          </ol>
        </>
      )}
    </Panel>
  );
}

function Delivered({ one, offset }: { one: RecordHistory['history'][number]; offset: number }) {
  const words = deliveredWords(one);
  return (
    <Panel
      title={`${words.charAt(0).toUpperCase()}${words.slice(1)}`}
      more={
        <>
          <span class="note">to</span> <GroupLead group={one.group} cluster={one.cluster} />
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
