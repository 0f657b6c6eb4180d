/** One place of a message: by whom it was written there, and its life in each group that reads it. */
import type { Identity, RecordHistory } from '../../service/schemas';
import { addressOf, part } from '../logic/api';
import { counted } from '../logic/format';
import { isOfTopic, type Writer, writerWords } from '../logic/life';
import { useAnswer } from '../state';
import { Panel } from './facts';
import { GroupLead, Offsets } from './lead';
import { Life } from './life';
import { Time } from './text';
import { InstrumentEmpty, Told } from './told';

type Place = Identity['places'][number];

/** @param producer undefined: not known */
export function PlaceLife({ place, producer }: { place: Place; producer: Writer | undefined }) {
  const { cluster, topic, topic_id: topicId, partition, offset, at } = place;
  const address = addressOf(`/v1/records/${part(topic)}/${partition}/${offset}`, { cluster });
  const record = useAnswer<RecordHistory>(address);
  return (
    <Panel title={`Life of ${partition}/${offset}`} more={<Offsets of={place} first={offset} />}>
      <p class="note">
        Written <Time at={at} form="ms" /> {writerWords(producer)}
      </p>
      <Told answer={record}>
        {({ history }) => {
          const own = history.filter((one) => isOfTopic(one.topic_id, topicId));
          if (own.length === 0) {
            return (
              <InstrumentEmpty>
                No group that reads this partition is instrumented. Deliveries are seen once one is:
              </InstrumentEmpty>
            );
          }
          return own.map((one) => (
            <InGroup key={JSON.stringify([one.group, one.topic_id])} one={one} offset={offset} />
          ));
        }}
      </Told>
    </Panel>
  );
}

function InGroup({ one, offset }: { one: RecordHistory['history'][number]; offset: number }) {
  return (
    <section>
      <h3>
        <GroupLead group={one.group} cluster={one.cluster} /> <span class="note">{deliveredWords(one)}</span>
      </h3>
      {one.deliveries.length === 0 && one.events.length === 0 ? (
        <p class="note">The ledger knows of no delivery of it to this group: none yet, or before it began.</p>
      ) : (
        <Life history={one} offset={offset} />
      )}
    </section>
  );
}

/** `delivered 2 times, 1 caught by its own check` */
export function deliveredWords({
  deliveries,
  deliveries_certain: certain,
  deliveries_uncertain: uncertain,
}: RecordHistory['history'][number]): string {
  const hits = deliveries.filter(({ hit }) => hit).length;
  const perhaps = uncertain === 0 ? '' : `, perhaps ${uncertain} more`;
  const caught = hits === 0 ? '' : `, ${hits} caught by its own check`;
  return `delivered ${counted(certain, 'time')}${perhaps}${caught}`;
}
