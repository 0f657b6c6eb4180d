/**
 * The journal: what an observed process writes ahead, so that nothing its handlers saw is forgotten when it is
 * killed. One folder a process below `<store>.journal/`:
 *
 *     owner       an SQLite file whose exclusive lock the process holds while it lives: the proof of its death
 *     slots       one place a track (session and partition), written in place before the handler gets a record
 *     log-000001  lines of evidence: sessions, members, closed runs... in preallocated segments
 *     losses      what there was no room for, until a line tells it
 *
 * The process's main thread only writes; the writer worker reads the files and brings them into the store. A dead
 * process's journal is read in the same way by whoever finds it (`recovery`), so there is one path, not two. What the
 * store has is removed in one step: renamed to `<id>.gone`, then deleted.
 */

export { deliveriesIn, Journal } from './journal';
export { isProvenDead, lockOwner, type OwnerIdentity, type OwnerLock, thisProcess } from './owner';
export { type JournalRead, JournalReader } from './reader';
export { journalsIn, removeJournal } from './removal';
export { REPORT_CHARACTERS_MAX, type Report, type ReportAnswer } from './report';
export { RunNumbers } from './run-numbers';
export type { SlotState } from './slot';
