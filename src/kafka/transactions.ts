/**
 * Offsets that a transaction commits (`sendOffsets`), as the producer sees them. The states of one transaction, as far
 * as the ledger is concerned:
 *
 *     open --sendOffsets--> offered --commit() called--> promised --answered--> committed
 *                              |                            |
 *                              '--abort()--> dropped        '--no answer, or the process died--> in doubt
 *
 *     offered    the broker keeps the offsets back: nothing is told
 *     promised   the slots of the partitions say so before EndTxn is sent, so that a kill leaves the doubt written
 *     committed  a commit of the group, told to the consumer's session; the records below it are handled from now on
 *     dropped    nothing of it took place: the records that were in hand stay unhandled
 *     in doubt   decided by what the group has committed when the next member gets the partition (`store/promises`)
 *
 * Where a session's offsets are committed so, a record is handled when the transaction that covers it is committed, and
 * not when the handler returns: until then its output can still be dropped (see `Track.withheld`). The session must be
 * of the same process and instrumented too; of others nothing is told.
 */
import type { Kafka, Transaction } from 'kafkajs';
import { errorText } from './error-text';
import { transactions } from './open-transactions';
import type { ProducerSession } from './producer-session';
import { liveSessions, type Session } from './session';

interface Offered {
  session: Session;
  topic: string;
  partition: number;
  offset: number;
}

type Ends = Pick<Transaction, 'sendOffsets' | 'commit' | 'abort'>;

/** The transaction's own methods with the ledger told. What is ours is caught; results and errors pass untouched. */
export function observedEnds(
  { sendOffsets, commit, abort }: Ends,
  producer: ProducerSession,
  kafka: Kafka,
): Ends {
  const offered = new Map<string, Offered>();
  let ended = false;
  transactions.open++;

  const quietly = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      producer.sink.problem(error);
    }
  };
  const toAll = (tell: (one: Offered) => void) =>
    quietly(() => {
      for (const one of offered.values()) tell(one);
    });
  const end = () => {
    if (!ended) transactions.open--;
    ended = true;
  };

  return {
    sendOffsets: async (offsets) => {
      await sendOffsets(offsets);
      quietly(() => {
        const { consumerGroupId, topics } = offsets;
        const sessions = sessionsOf(consumerGroupId, kafka, producer);
        for (const session of sessions) session.offersOffsets();
        for (const { topic, partitions } of topics) {
          for (const { partition, offset } of partitions) {
            const session = readerOf(sessions, topic, partition);
            if (session === undefined) continue;
            const place = `${partition} ${topic} ${session.key}`;
            offered.set(place, { session, topic, partition: Number(partition), offset: Number(offset) });
          }
        }
      });
    },
    commit: async () => {
      toAll(({ session, topic, partition, offset }) => session.promised(topic, partition, offset));
      try {
        await commit();
      } catch (error) {
        toAll(({ session, topic, partition, offset }) =>
          session.leftInDoubt(topic, partition, offset, errorText(error)),
        );
        throw error;
      } finally {
        end();
      }
      toAll(({ session, topic, partition, offset }) => session.transacted(topic, partition, offset));
    },
    abort: async () => {
      try {
        await abort();
      } finally {
        end();
      }
      toAll(({ session, topic, partition }) => session.promised(topic, partition, -1));
    },
  };
}

function sessionsOf(group: string, kafka: Kafka, { clusterId }: ProducerSession): Session[] {
  return [...liveSessions].filter(
    (session) =>
      session.config.group === group &&
      (session.kafka === kafka || (clusterId !== null && session.clusterId === clusterId)),
  );
}

/** The one that has the partition now, else one that had it. */
function readerOf(sessions: readonly Session[], topic: string, partition: number): Session | undefined {
  const having = sessions.filter(({ tracks }) => tracks.get(topic)?.has(partition) === true);
  return (
    having.find((session) => session.tracks.get(topic)?.get(partition)?.epoch === session.epoch) ?? having[0]
  );
}
