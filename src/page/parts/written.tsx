/** Where the message of a record was written: each of its copies, and why it was written again. */
import type { RecordHistory } from '../../service/schemas';
import { counted } from '../logic/format';
import { messagesOf, type WrittenMessage, writerWords } from '../logic/life';
import { Panel } from './facts';
import { Lead, Offsets, World } from './lead';
import { Name, Time } from './text';
import { Empty, OBSERVE_LINE } from './told';
import { WhyPart } from './why';

/** @param isMixed what is shown is of several clusters, or of topics that had the name one after another */
export function WrittenPanel({
  record,
  isObserved,
  isMixed,
}: {
  record: RecordHistory;
  isObserved: boolean;
  isMixed: boolean;
}) {
  const messages = messagesOf(record);
  const once = record.written.filter(
    (one) => !messages.some(({ cluster, topic_id: id }) => cluster === one.cluster && id === one.topic_id),
  );
  return (
    <Panel title="Written">
      {once.map((one) => (
        <Once key={JSON.stringify([one.cluster, one.topic_id])} one={one} isMixed={isMixed} />
      ))}
      {messages.length === 0 && once.length > 0 ? null : messages.length === 0 ? (
        <Empty {...(isObserved ? {} : { line: OBSERVE_LINE })}>
          {isObserved
            ? 'Once, as far as is known: this topic is observed, and no other copy of the message was found.'
            : 'No other copy of this message is known. Copies are found in topics that are observed:'}
        </Empty>
      ) : (
        messages.map((message) => (
          <Message
            key={JSON.stringify([message.cluster, message.topic_id])}
            message={message}
            isMixed={isMixed}
          />
        ))
      )}
    </Panel>
  );
}

/** No copy of it was found: it is told by its place alone, as ids in clear are kept of copies. */
function Once({ one, isMixed }: { one: RecordHistory['written'][number]; isMixed: boolean }) {
  return (
    <>
      <p>
        Once, as far as is remembered: no other copy of{' '}
        <Lead to={{ name: 'identity', id: one.identity_hash }}>its message</Lead> was found.{' '}
        {isMixed ? <World of={one} /> : null}
      </p>
      <ol class="life">
        <li>
          <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M3.5 3.5h9v9h-9z" />
          </svg>
          <span>
            <Time at={one.at} form="ms" /> <strong>this record</strong>
          </span>
          <span class="detail">{writerWords(one.producer)}</span>
        </li>
      </ol>
    </>
  );
}

function Message({ message, isMixed }: { message: WrittenMessage; isMixed: boolean }) {
  const { copy, places } = message;
  const id = copy.identity ?? copy.identity_hash;
  return (
    <>
      <p>
        Its message{' '}
        <Lead to={{ name: 'identity', id }}>
          <Name text={id} max={80} />
        </Lead>{' '}
        stands in the log {counted(places.length, 'time')} {isMixed ? <World of={message} /> : null}
      </p>
      <ol class="life">
        {places.map((place) => (
          <li key={`${place.partition}/${place.offset}`} class={place.isThis ? 'again' : ''}>
            <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
              <path d="M3.5 3.5h9v9h-9z" />
            </svg>
            <span>
              <Time at={place.at} form="ms" />{' '}
              {place.isThis ? (
                <strong>this record</strong>
              ) : (
                <Offsets of={{ ...copy, partition: place.partition }} first={place.offset} />
              )}
            </span>
            <span class="detail">{place.by}</span>
          </li>
        ))}
      </ol>
      <WhyPart why={copy} />
    </>
  );
}
