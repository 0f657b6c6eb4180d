/** The identity log's statements: blocks, the windows of topics, and the turn counter. */
import type { Store } from '../open';
import type { WindowLimits, WindowRow } from './window';

export interface StateRow {
  seed: Buffer;
  turn: number;
  next_block: number;
}

export interface BlockRow {
  block: number;
  topic: number;
  entries: Buffer;
}

export class IdentityLog {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      state: db.prepare<[], StateRow>('SELECT seed, turn, next_block FROM identity_state'),
      turn: db.prepare<[number]>('UPDATE identity_state SET turn = turn + 1, next_block = ?'),
      block: db.prepare<[number], { entries: Buffer }>('SELECT entries FROM identity_log WHERE block = ?'),
      blocksFrom: db.prepare<[number], BlockRow>(
        'SELECT block, topic, entries FROM identity_log WHERE block >= ? ORDER BY block',
      ),
      put: db.prepare<[number, number, Buffer]>(
        'INSERT OR REPLACE INTO identity_log (block, topic, entries) VALUES (?, ?, ?)',
      ),
      drop: db.prepare<[number]>('DELETE FROM identity_log WHERE block = ?'),
      windows: db.prepare<[], WindowRow>(
        `SELECT topic, first_block AS firstBlock, tail_block AS tailBlock, next_ordinal AS nextOrdinal, entries,
                oldest_at AS oldestAt, horizon_at AS horizonAt, ended_by AS endedBy FROM identity_window`,
      ),
      window: db.prepare(
        `INSERT INTO identity_window
           (topic, first_block, tail_block, next_ordinal, entries, oldest_at, horizon_at, age_ms, records, ended_by)
         VALUES (@topic, @firstBlock, @tailBlock, @nextOrdinal, @entries, @oldestAt, @horizonAt, @ageMs, @records,
                 @endedBy)
         ON CONFLICT DO UPDATE SET first_block = excluded.first_block, tail_block = excluded.tail_block,
           next_ordinal = excluded.next_ordinal, entries = excluded.entries, oldest_at = excluded.oldest_at,
           horizon_at = excluded.horizon_at, age_ms = excluded.age_ms, records = excluded.records,
           ended_by = excluded.ended_by`,
      ),
    };
  }

  state(): StateRow {
    return this.statements.state.get() as StateRow;
  }

  /** Counts a turn. */
  turn(nextBlock: number): void {
    this.statements.turn.run(nextBlock);
  }

  /** The block's blob; undefined when it is gone. */
  block(block: number): Buffer | undefined {
    return this.statements.block.get(block)?.entries;
  }

  blocksFrom(block: number): IterableIterator<BlockRow> {
    return this.statements.blocksFrom.iterate(block);
  }

  put(block: number, topic: number, entries: Buffer): void {
    this.statements.put.run(block, topic, entries);
  }

  drop(block: number): void {
    this.statements.drop.run(block);
  }

  windows(): WindowRow[] {
    return this.statements.windows.all();
  }

  window(row: WindowRow, limits: WindowLimits): void {
    this.statements.window.run({ ...row, ...limits });
  }
}
