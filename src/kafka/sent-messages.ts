/**
 * What the producer adds to messages before kafkajs gets them, once for all of its retries. The caller's objects are
 * never changed: a message that needs something is copied, its headers with it, and everything else is handed on.
 */
import type { Message as SentMessage, TopicMessages } from 'kafkajs';
import { IdentityFinder } from '../identity';
import { activeTrace } from '../telemetry';
import { MESSAGE_ID, newMessageId } from './message-id';

const finder = new IdentityFinder();

export interface Prepared {
  topicMessages: TopicMessages[];
  messages: number;
  /** Messages that were given an id. */
  stamped: number;
}

/** @param stamp give each message without an identity an id */
export function prepare(topicMessages: readonly TopicMessages[], stamp: boolean): Prepared {
  const trace = activeTrace();
  const prepared: Prepared = { topicMessages: [], messages: 0, stamped: 0 };
  for (const one of topicMessages) {
    // What is not right is kafkajs's to refuse.
    const isList = Array.isArray(one?.messages);
    if (isList) prepared.messages += one.messages.length;
    if (!isList || (trace === null && !stamp)) {
      prepared.topicMessages.push(one);
      continue;
    }
    const messages = one.messages.map((message) => {
      const added: Record<string, string> = {};
      if (trace !== null && message.headers?.traceparent === undefined) Object.assign(added, trace);
      if (stamp && !hasIdentity(message)) {
        added[MESSAGE_ID] = newMessageId();
        prepared.stamped++;
      }
      return Object.keys(added).length === 0
        ? message
        : { ...message, headers: { ...message.headers, ...added } };
    });
    prepared.topicMessages.push({ ...one, messages });
  }
  return prepared;
}

function hasIdentity({ headers, value }: SentMessage): boolean {
  if (headers === undefined) return false;
  // Only an event in structured mode is looked into.
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return finder.find({ key: null, value: bytes, headers }) !== null;
}
