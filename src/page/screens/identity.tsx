/** One message by its id: every place where it stands, who got it there, and why it was written again. */
import { useMemo } from 'preact/hooks';
import type { Identity } from '../../service/schemas';
import { part } from '../logic/api';
import { counted } from '../logic/format';
import { keyOfPlace, producersOf } from '../logic/life';
import { visible } from '../logic/visible';
import { Export } from '../parts/export';
import { Lines, Panel } from '../parts/facts';
import { DuplicateTable } from '../parts/finding-tables';
import { GroupLead, Offsets } from '../parts/lead';
import { PlaceLife, unknownProducer } from '../parts/place-life';
import { Table } from '../parts/table';
import { Copy, Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told } from '../parts/told';
import { useAnswer } from '../state';

/** Each asks for its own history; those behind them are a click away. */
const LIVES_SHOWN = 10;

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
  const producers = useMemo(() => producersOf(copies), [copies]);
  return (
    <>
      <Panel
        title={`Stands in the log ${counted(places.length, 'time')}`}
        more={<Export address={address} name="identity" lists={false} />}
      >
        <Table
          label="Places"
          items={places}
          keyOf={keyOfPlace}
          columns={[
            { title: 'Written', cell: ({ at }) => <Time at={at} form="ms" /> },
            {
              title: 'Record',
              cell: ({ topic, partition, offset }) => (
                <Offsets topic={topic} partition={partition} first={offset} />
              ),
            },
            {
              title: 'Written by',
              cell: (place) =>
                producers.get(keyOfPlace(place)) ?? <span class="note">{unknownProducer}</span>,
              from: 'medium',
            },
            {
              title: 'Delivered to',
              cell: ({ deliveries, cluster }) =>
                deliveries.length === 0 ? (
                  <span class="note">no instrumented group</span>
                ) : (
                  deliveries.map(({ group, deliveries: times }, i) => (
                    <span key={group}>
                      {i === 0 ? '' : ', '}
                      <GroupLead group={group} cluster={cluster} /> {counted(times, 'time')}
                    </span>
                  ))
                ),
            },
            { title: 'Cluster', cell: ({ cluster }) => <Name text={cluster} max={30} />, from: 'wide' },
          ]}
        />
      </Panel>
      {places.slice(0, LIVES_SHOWN).map((place) => (
        <PlaceLife
          key={keyOfPlace(place)}
          place={place}
          producer={producers.get(keyOfPlace(place)) ?? null}
        />
      ))}
      {places.length > LIVES_SHOWN ? (
        <p class="note">
          {counted(places.length - LIVES_SHOWN, 'more place')}: the life of each stands behind its record
          above.
        </p>
      ) : null}
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
