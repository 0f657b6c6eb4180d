/**
 * The lanes: which groups there are, how their consumers run, and which faults are played on each. Half of them write
 * to stores of their own host, half report to the service.
 */
import type { ConsumerRunConfig } from 'kafkajs';
import type { Fault } from './faults';
import * as faults from './faults';
import type { LaneSpec } from './lane';
import * as network from './network-faults';
import * as operator from './operator-faults';
import * as stage from './stage-faults';

const AUTO: readonly Partial<ConsumerRunConfig>[] = [
  {},
  { autoCommitInterval: 150 },
  { autoCommitThreshold: 15 },
];
const BATCHES = AUTO.map((run) => ({ ...run, eachBatchAutoResolve: false }));

/** What most lanes have. */
const USUAL = {
  handler: 'eachMessage',
  members: 2,
  partitions: 3,
  workUs: [500, 3_000],
  runs: AUTO,
} as const;

/** What a group that must do each thing once is put through: the whole plan. */
const PAYING: readonly Fault[] = [
  ...Array(2).fill(faults.sigkill),
  ...Array(4).fill(faults.sigkillAll),
  faults.freeze,
  faults.slow,
  faults.throwOnce,
  faults.throwSometimes,
  faults.throwFatal,
  faults.seek,
  faults.join,
  faults.leave,
  operator.resetEarlier,
  operator.groupDeleted,
];

const NETWORK = [
  network.connectionsCut,
  network.connectionsRefused,
  network.answersDelayed,
  network.answersDropped,
  network.commitAnswersDropped,
  network.commitAnswersDelayed,
  network.brokerKilled,
];

export const LANES: readonly LaneSpec[] = [
  {
    ...{ ...USUAL, name: 'kills', ledger: 'embedded', workUs: [100, 900] },
    faults: [faults.sigkill, faults.sigkill, faults.sigkillAll],
  },
  {
    ...{ ...USUAL, name: 'kills-reported', ledger: 'service', members: 3 },
    faults: [faults.sigkill, stage.serviceKilled, faults.sigkill, stage.serviceAndConsumerKilled],
  },
  {
    ...{ ...USUAL, name: 'batches', ledger: 'service', handler: 'eachBatch', runs: BATCHES },
    faults: [faults.sigkill, faults.returnEarly, faults.throwOnce, faults.seek, faults.throwFatal],
  },
  {
    ...{ ...USUAL, name: 'sessions', ledger: 'embedded' },
    faults: [faults.freeze, faults.slow, faults.slowBeating, faults.sigkill],
  },
  {
    ...{ ...USUAL, name: 'sessions-reported', ledger: 'service', handler: 'eachBatch', runs: BATCHES },
    faults: [faults.slow, faults.freeze],
  },
  {
    ...{ ...USUAL, name: 'members', ledger: 'service' },
    faults: [faults.join, faults.leave],
  },
  {
    ...{ ...USUAL, name: 'handlers', ledger: 'embedded' },
    faults: [
      faults.throwOnce,
      faults.throwSometimes,
      faults.seek,
      faults.seekForward,
      faults.throwFatal,
      faults.throwOn,
    ],
  },
  {
    ...{ ...USUAL, name: 'concurrent', ledger: 'embedded', members: 1 },
    runs: AUTO.map((run) => ({ ...run, partitionsConsumedConcurrently: 3 })),
    faults: [faults.throwOnce, faults.seek, faults.seekForward, faults.throwSometimes, faults.sigkill],
  },
  {
    ...{ ...USUAL, name: 'commits', ledger: 'service', manual: true, runs: [{}] },
    faults: [
      faults.shortCommits,
      faults.refusedCommits,
      faults.noCommits,
      faults.noCommitsKilled,
      operator.recordsDeleted,
    ],
  },
  {
    ...{ ...USUAL, name: 'resets', ledger: 'embedded', sessionMs: 4_000 },
    faults: [operator.resetEarlier, operator.resetEarliest, operator.resetByTime],
  },
  {
    ...{ ...USUAL, name: 'topics', ledger: 'service', sessionMs: 4_000 },
    faults: [operator.groupDeleted, operator.partitionsAdded, operator.topicRecreated],
  },
  { ...{ ...USUAL, name: 'network', ledger: 'embedded', fragile: true, sessionMs: 4_000 }, faults: NETWORK },
  {
    ...{ ...USUAL, name: 'network-reported', ledger: 'service', fragile: true, handler: 'eachBatch' },
    sessionMs: 4_000,
    runs: BATCHES,
    faults: NETWORK,
  },
  {
    ...{ ...USUAL, name: 'disk', ledger: 'own', disk: true, workUs: [1_000, 5_000] },
    faults: [stage.diskFull],
  },
  {
    ...{ ...USUAL, name: 'clock', ledger: 'own', clockMs: -90_000 },
    faults: [faults.sigkill, faults.leave],
  },
  {
    ...{ ...USUAL, name: 'payments', ledger: 'embedded', fragile: true, payments: 'postgres' },
    sessionMs: 4_000,
    faults: [...PAYING.map(network.undisturbed), ...NETWORK],
  },
  {
    ...{ ...USUAL, name: 'payments-batched', ledger: 'service', payments: 'postgres' },
    // A batch is one transaction: what interrupts it takes back all of it.
    ...{ handler: 'eachBatch', runs: BATCHES, sessionMs: 4_000 },
    faults: [...PAYING, faults.returnEarly],
  },
  {
    ...{ ...USUAL, name: 'payments-sqlite', ledger: 'service', payments: 'sqlite' },
    faults: PAYING,
  },
];
