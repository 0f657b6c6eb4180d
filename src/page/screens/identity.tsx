/** One message by its id: every place where it stands, who got it there, and why it was written again. */
import type { Identity } from '../../service/schemas';
import { part } from '../logic/api';
import { counted } from '../logic/format';
import { keyOfPlace, type Writer, writerWords } from '../logic/life';
import { readSearch } from '../logic/search';
import { visible } from '../logic/visible';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { clusterColumn, isOfSeveral } from '../parts/finding-rows';
import { DuplicateTable } from '../parts/finding-tables';
import { GroupLead, Lead, Offsets } from '../parts/lead';
import { PlaceLife } from '../parts/place-life';
import { Table } from '../parts/table';
import { Copy, Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told } from '../parts/told';
import { WhyPart } from '../parts/why';
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
      <AsRecord id={id} />
      {isMissing ? (
        <Panel title="Not found">
          <p>{visible(identity.error?.message ?? '', 2_000)}</p>
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

/** An id may look like the place of a record. */
function AsRecord({ id }: { id: string }) {
  const record = readSearch(id);
  if (record?.name !== 'record') return null;
  return (
    <p class="note">
      Read as a place:{' '}
      <Lead to={record} query={{ id }}>
        record <Name text={record.topic} max={60} />/{record.partition}/{record.offset}
      </Lead>
    </p>
  );
}

type Place = Identity['places'][number];

function writerOf({ producer, producer_known: isKnown }: Place): Writer | undefined {
  return isKnown ? producer : undefined;
}

function Found({ identity, address }: { identity: Identity; address: string }) {
  const { places, copies, complete } = identity;
  const latest = copies.at(-1);
  const times = counted(places.length, 'time');
  return (
    <>
      <Panel
        title={complete ? `Stands in the log ${times}` : `Found in the log ${times}, perhaps not all`}
        more={<Export address={address} name="identity" lists={false} />}
      >
        <Reach identity={identity} />
        <Table
          label="Places"
          items={places}
          keyOf={keyOfPlace}
          columns={[
            { title: 'Written', cell: ({ at }) => <Time at={at} form="ms" /> },
            { title: 'Record', cell: (place) => <Offsets of={place} first={place.offset} /> },
            {
              title: 'Written by',
              cell: (place) => <span class="note">{writerWords(writerOf(place))}</span>,
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
            isOfSeveral(places) ? clusterColumn() : { ...clusterColumn(), from: 'wide' as const },
          ]}
        />
      </Panel>
      {places.slice(0, LIVES_SHOWN).map((place) => (
        <PlaceLife key={keyOfPlace(place)} place={place} producer={writerOf(place)} />
      ))}
      {places.length > LIVES_SHOWN ? (
        <p class="note">
          {counted(places.length - LIVES_SHOWN, 'more place')}: the life of each stands behind its record
          above.
        </p>
      ) : null}
      <Panel title="Copies">
        {copies.length === 0 ? (
          <Empty>
            {complete
              ? 'None was found: it was written once, as far as is remembered.'
              : 'None was found so far; not all that is remembered could be looked through.'}
          </Empty>
        ) : (
          <DuplicateTable items={copies} />
        )}
      </Panel>
      {latest === undefined ? null : (
        <Panel title="Why the latest was written">
          <WhyPart why={latest} />
        </Panel>
      )}
    </>
  );
}

const ENDED_BY = { age: 'its age', records: 'its number of records', memory: 'its memory' } as const;

/** How far the search reached: what it says of how often the message stands there holds within that. */
function Reach({ identity: { complete, remembered } }: { identity: Identity }) {
  const bounded = remembered.filter(({ since }) => since !== null);
  return (
    <>
      {complete ? null : (
        <p class="trouble">Not all identities could be looked through in time: places may be missing.</p>
      )}
      {bounded.length === 0 ? (
        remembered.length === 0 ? null : (
          <p class="note">All that was read of its topics is remembered.</p>
        )
      ) : (
        <ul class="lines">
          {bounded.map(({ cluster, topic, topic_id, since, ended_by: ended }) => (
            <li key={JSON.stringify([cluster, topic, topic_id])}>
              <Name text={topic} max={60} /> on <Name text={cluster} max={40} /> is remembered from{' '}
              <Time at={since ?? ''} form="s" /> on
              {ended === null ? '' : ` (the window ended by ${ENDED_BY[ended]})`}: of what was written before,
              copies that were found are known alone.
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
