/**
 * Which message is the same as another: where an identity is found in a record, how it is told apart in few bytes, and
 * why a second copy was written. Pure: no Kafka, no store, the same input gives the same output.
 *
 * A record goes through this room in the order of the files:
 *
 *     message    what kafkajs hands over, and how a header is read without trusting it
 *     finder     the topic's rules in order: the `catalogue` of known headers, one header, a JSON path, the key,
 *                a fingerprint; the first that finds something decides
 *     normalise  the same id in another spelling becomes the same text
 *     hash       topic, family and text become 128 bits under a key of the store's own; key and value become 32 bits
 *     columns    a fetched batch as typed arrays, ready to be handed to the store's thread
 *     asked      an id that a person asks for becomes the hashes that it may have
 *     observed-batch  the columns with their place in the log, and where an observer stands
 *
 * The store (`store/identity`) remembers those hashes and tells what was seen before. What is found comes back here:
 *
 *     copy-run         copies that follow each other as their originals did
 *     duplicate-cause  from both copies and their run to cause, certainty, evidence in words and advice
 *     delay            how long after the first copy the others came: how long a consumer must remember
 *     window-reach     how far back the observer itself remembers
 *
 * Two identities are never merged: a record is its place in the log, a message is its identity. The same place read
 * again is no finding; the same identity at another place is a duplicate; with another payload it is id reuse; with
 * headers that say so (`provenance`) it was republished on purpose.
 */
export * from './asked';
export * from './catalogue';
export * from './columns';
export * from './copy-run';
export * from './delay';
export * from './duplicate-cause';
export * from './duplicate-evidence';
export * from './finder';
export * from './hash';
export * from './json-path';
export * from './message';
export * from './normalise';
export * from './observed-batch';
export * from './provenance';
export * from './sequence-words';
export * from './window-reach';
