/** The doctor's look at the store and its journals. */
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DupescopeError, errorLine } from '../errors';
import { reachOf, sequenceWords, shortWindowWords } from '../identity';
import { countText } from '../ledger';
import { openDatabase } from '../sqlite';
import { journalRoot } from '../store/journal-root';
import { openReader, type Store } from '../store/open';
import {
  droppedOf,
  fileFacts,
  observedTopics,
  sequenceAnomalies,
  summaryOf,
  topicsWithoutId,
  type UnreadRow,
  unreadOf,
} from '../store/queries';
import type { Grant } from './grants';

const UNREAD_SHOWN = 20;
const TOPICS_MAX = 1_000;

export interface Line {
  level: 'ok' | 'warn' | 'fail';
  what: string;
  text: string;
  /** Commands that would mend it. */
  grants?: readonly Grant[];
}

export function storeChecks(path: string): Line[] {
  const lines: Line[] = [sqliteCheck()];
  let db: Store;
  try {
    db = openReader(path);
  } catch (error) {
    // A store that is not there yet is made by the first who writes, if it may.
    const isMissing = error instanceof DupescopeError && error.code === 'store-missing';
    const isFine = isMissing && canMake(path);
    return [...lines, { level: isFine ? 'warn' : 'fail', what: 'store', text: errorLine(error) }];
  }
  try {
    const facts = fileFacts(db);
    const summary = summaryOf(db);
    const megabytes = (facts.bytes / 1_000_000).toFixed(1);
    lines.push({
      level: 'ok',
      what: 'store',
      text: `${path}, schema ${facts.schemaVersion}, ${megabytes} MB`,
    });
    lines.push(seenCheck(summary), topicIdCheck(db));
    lines.push(...unreadOf(db, UNREAD_SHOWN).map(unreadLine), ...topicLines(db));
    const dropped = droppedOf(db);
    if (dropped.events > 0) {
      lines.push({
        level: 'warn',
        what: 'lost detail',
        text: `${countText(dropped.deliveries)} deliveries in ${countText(dropped.events)} events could not be kept; last reason: ${dropped.lastReason ?? 'unknown'}`,
      });
    }
  } catch (error) {
    lines.push({ level: 'fail', what: 'store', text: errorLine(error) });
  } finally {
    db.close();
  }
  return lines;
}

const UNREAD = {
  unknown: 'records of kinds or versions that are not looked at (share groups and streams groups have such)',
  unreadable: 'that are not what their format says, or of an unknown codec',
  old: 'batches in the format from before Kafka 0.11: what stands in them is not seen',
  missed: 'records that retention took before they were read',
} as const;

function unreadLine({ observer, topic, what, count, lastAt }: UnreadRow): Line {
  const whole =
    what === 'unreadable' ? `${observer === 'groups' ? 'records' : 'batches'} ${UNREAD[what]}` : UNREAD[what];
  return {
    level: what === 'unknown' ? 'ok' : 'warn',
    what: 'passed over',
    text: `${topic === '' ? '__consumer_offsets' : topic}: ${countText(count)} ${whole}; the last at ${new Date(lastAt).toISOString()}`,
  };
}

/** Topics whose copies are looked for less far back than configured, and those with sequences that were used twice. */
function topicLines(db: Store): Line[] {
  const lines: Line[] = [];
  for (const row of observedTopics(db, { limit: TOPICS_MAX })) {
    const { id, topic, sequenceAnomalies: batches } = row;
    const window = reachOf(row);
    if (window?.shorter === true) {
      lines.push({ level: 'warn', what: 'window', text: shortWindowWords(topic, window) });
    }
    if (batches > 0) {
      const [latest] = sequenceAnomalies(db, id, 1);
      lines.push({ level: 'warn', what: 'sequences', text: sequenceWords(topic, batches, latest ?? null) });
    }
  }
  return lines;
}

function sqliteCheck(): Line {
  const db = openDatabase(':memory:');
  const version = db.prepare<[], string>('SELECT sqlite_version()').pluck().get();
  db.close();
  return { level: 'ok', what: 'sqlite', text: String(version) };
}

function canMake(path: string): boolean {
  let folder = dirname(resolve(path));
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return statSync(folder).isDirectory() && isWritable(folder);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function seenCheck(summary: ReturnType<typeof summaryOf>): Line {
  if (summary.deliveries === 0) {
    return {
      level: 'warn',
      what: 'deliveries',
      text: 'none seen yet: wrap a consumer with instrument(new Kafka(...)) and give it this store',
    };
  }
  const last =
    summary.lastDeliveryAt === null ? '' : `, the last at ${new Date(summary.lastDeliveryAt).toISOString()}`;
  return {
    level: 'ok',
    what: 'deliveries',
    text: `${countText(summary.deliveries)} to ${countText(summary.groups)} groups, ${countText(summary.redeliveries)} of them again; ${countText(summary.sessions)} consumers live${last}`,
  };
}

function topicIdCheck(db: Store): Line {
  const without = topicsWithoutId(db);
  return without === 0
    ? { level: 'ok', what: 'topic ids', text: 'a recreated topic is told from the one before' }
    : {
        level: 'warn',
        what: 'topic ids',
        text: `${without} topics have none (broker older than Kafka 2.8, or no DESCRIBE): if one is recreated, its offsets look like redeliveries`,
      };
}

export function journalCheck(storePath: string): Line {
  const folder = journalRoot(storePath);
  const what = 'journals';
  if (!existsSync(folder)) return { level: 'ok', what, text: `${folder} is made by the first consumer` };
  try {
    const journals = readdirSync(folder, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    ).length;
    if (!isWritable(folder)) {
      return {
        level: 'fail',
        what,
        text: `${folder} is not writable by this user: dead processes' journals stay unread`,
      };
    }
    return { level: 'ok', what, text: `${journals} in ${folder}, of living processes or not yet taken in` };
  } catch (error) {
    return { level: 'fail', what, text: `${folder}: ${errorLine(error)}` };
  }
}
