/**
 * The identity index: was this identity seen before, within the window of its topic? Nearly every answer is no, so
 * that no must cost neither a disk read nor a B-tree: the entries go into an append-only log in SQLite (`block`,
 * `log`), and memory holds 6 bytes an entry that say where to look (`tag-table`, `block-slots`, `memory`).
 *
 *     observer -> ObservedBatch -> IdentityIndex.observe
 *                                    turn: read -> expire -> write | commit | apply
 *                                    findings, offsets, counts: the same transaction
 *
 * How to use it, in the thread that writes the store:
 *
 *     const index = new IdentityIndex(db, { snapshotPath: `${path}.identities` });
 *     index.open();                                   // seconds with a snapshot, else about 1 us an identity
 *     const reader = new RecordReader({ topic, seed: index.seed });      // in the thread that reads Kafka
 *     index.expect(cluster, topic, topicId, partitions);
 *     index.observe({ cluster, topic, topicId, partition, firstOffset, nextOffset, live, observedAt,
 *                     records: reader.read(batch.messages) });
 *     index.maintain(Date.now());                     // between turns: causes, snapshot
 *     index.close();
 *
 * After a kill -9 the store has whole turns: go on from `offsets()`. A batch given twice counts once.
 */

export type { ObservedBatch, ObserverOffset } from '../../identity';
export * from './findings';
export * from './identity-index';
export type { EffectiveWindow, WindowLimits } from './window';
