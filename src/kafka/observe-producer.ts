/**
 * Puts an observer around one kafkajs producer: the same object, with `send`, `sendBatch`, `transaction`, `connect` and
 * `disconnect` replaced. Results and errors pass through untouched; what is ours is caught, and the caller's own
 * messages are sent then.
 */
import type { Kafka, Producer, ProducerBatch, ProducerRecord, RecordMetadata, Sender } from 'kafkajs';
import { readMetadata } from './metadata';
import type { ProducerSession } from './producer-session';
import { prepare } from './sent-messages';
import { observedEnds } from './transactions';

const FLUSH_LIMIT_MS = 2_000;

export function observeProducer(
  producer: Producer,
  session: ProducerSession,
  { kafka, stamp }: { kafka: Kafka; stamp: boolean },
): Producer {
  const original = {
    connect: producer.connect,
    disconnect: producer.disconnect,
    transaction: producer.transaction,
  };
  Object.assign(producer, observedSender(producer, session, stamp));

  producer.connect = async () => {
    await original.connect();
    // The id of the cluster is asked aside: sending does not wait for it.
    void readMetadata(kafka, [])
      .then(
        ({ clusterId }) => clusterId,
        () => null,
      )
      .then((clusterId) => quietly(session, () => session.begin(clusterId)));
  };

  producer.disconnect = async () => {
    await original.disconnect();
    quietly(session, () => {
      session.begin(null);
      session.tell();
    });
    await session.sink.flush(FLUSH_LIMIT_MS).catch(() => false);
  };

  producer.transaction = async () => {
    const transaction = await original.transaction();
    return Object.assign(
      transaction,
      observedSender(transaction, session, stamp),
      observedEnds({ ...transaction }, session, kafka),
    );
  };
  return producer;
}

/** `send` and `sendBatch` of a producer or a transaction. */
function observedSender(sender: Sender, session: ProducerSession, stamp: boolean): Sender {
  const { send, sendBatch } = sender;

  const watched = async (sending: Promise<RecordMetadata[]>): Promise<RecordMetadata[]> => {
    try {
      return await sending;
    } catch (error) {
      quietly(session, () => session.gaveUp());
      throw error;
    }
  };

  return {
    send: (record: ProducerRecord) => {
      let given = record;
      quietly(session, () => {
        const { topicMessages, messages, stamped } = prepare([record], stamp);
        const [own] = topicMessages;
        if (own !== undefined && own !== record) given = { ...record, messages: own.messages };
        session.sending(messages, stamped, record?.acks ?? -1);
      });
      return watched(send(given));
    },
    sendBatch: (batch: ProducerBatch) => {
      let given = batch;
      quietly(session, () => {
        const { topicMessages, messages, stamped } = prepare(batch?.topicMessages ?? [], stamp);
        if (messages > 0) given = { ...batch, topicMessages };
        session.sending(messages, stamped, batch?.acks ?? -1);
      });
      return watched(sendBatch(given));
    },
  };
}

/** Runs our own work so that its failure is told and goes no further. */
function quietly(session: ProducerSession, work: () => void): void {
  try {
    work();
  } catch (error) {
    session.sink.problem(error);
  }
}
