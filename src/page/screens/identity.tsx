/** One message by its id: every place where it stands, who got it there, and why it was written again. */
import type { Identity } from '../../service/schemas';
import { part } from '../logic/api';
import { counted } from '../logic/format';
import { visible } from '../logic/visible';
import { Export } from '../parts/export';
import { Lines, Panel } from '../parts/facts';
import { DuplicateTable } from '../parts/finding-tables';
import { Offsets } from '../parts/lead';
import { Table } from '../parts/table';
import { Copy, Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told } from '../parts/told';
import { useAnswer } from '../state';

export function IdentityScreen({ id }: { id: string }) {
  const address = `/v1/identities/${part(id)}`;
  const identity = useAnswer<Identity>(address);
  const isMissing = identity.error?.code === 'not-found';
  return (
    <>
      <h1>
        Message <bdi>{visible(id)}</bdi> <Copy text={id} what="the id" />
      </h1>
      {isMissing ? (
        <Panel title="Not found">
          <p>{identity.error?.message}</p>
          <Empty line={OBSERVE_LINE}>
            Ids are known of topics that are observed, as far back as their windows reach. A record is found
            by its place, too: topic/partition/offset.
          </Empty>
        </Panel>
      ) : (
        <Told answer={identity}>{(value) => <Found identity={value} address={address} />}</Told>
      )}
    </>
  );
}

function Found({ identity, address }: { identity: Identity; address: string }) {
  const { places, copies } = identity;
  const latest = copies.at(-1);
  return (
    <>
      <Panel
        title={`Stands in the log ${counted(places.length, 'time')}`}
        more={<Export address={address} name="identity" lists={false} />}
      >
        <Table
          label="Places"
          items={places}
          keyOf={({ cluster, topic, topic_id, partition, offset }) =>
            JSON.stringify([cluster, topic, topic_id, partition, offset])
          }
          columns={[
            { title: 'Written', cell: ({ at }) => <Time at={at} form="ms" /> },
            {
              title: 'Record',
              cell: ({ topic, partition, offset }) => (
                <Offsets topic={topic} partition={partition} first={offset} />
              ),
            },
            {
              title: 'Delivered to',
              cell: ({ deliveries }) =>
                deliveries.length === 0 ? (
                  <span class="note">no instrumented group</span>
                ) : (
                  deliveries.map(({ group, deliveries: times }, i) => (
                    <span key={group}>
                      {i === 0 ? '' : ', '}
                      <Name text={group} max={60} /> {counted(times, 'time')}
                    </span>
                  ))
                ),
            },
            { title: 'Cluster', cell: ({ cluster }) => <Name text={cluster} max={30} />, from: 'wide' },
          ]}
        />
      </Panel>
      <Panel title="Copies">
        {copies.length === 0 ? (
          <Empty>None was found: it was written once, as far as is remembered.</Empty>
        ) : (
          <DuplicateTable items={copies} />
        )}
      </Panel>
      {latest === undefined ? null : (
        <Panel title="Why the latest was written">
          <Lines lines={latest.because} />
          {latest.advice === null ? null : <p class="advice">{visible(latest.advice, 2_000)}</p>}
        </Panel>
      )}
    </>
  );
}
