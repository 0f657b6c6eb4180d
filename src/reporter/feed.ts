/**
 * One journal on its way to the service: cut into reports, each told again until it is acknowledged. Its states are
 * those of the reporter in `journal/report`: beginning -> following -> (409) beginning...
 */
import { basename } from 'node:path';
import { JournalReader, REPORT_CHARACTERS_MAX, type ReportAnswer, type SlotState } from '../journal';
import type { Evidence, Ref } from '../ledger';

/** So many lines are held in memory at a time: about 2 MB. The rest waits in the journal. */
const READ_LINES = 4_000;

/** What a report has beside its lines and slots. */
const HEAD_CHARACTERS = 1024;

/** Lines that others of the group wait for: who took a partition over asks for them. */
const URGENT: ReadonlySet<Evidence['t']> = new Set(['join', 'end']);

interface Line {
  seq: number;
  json: string;
}

/** A report as it goes over the wire, and what it stands for. */
export interface ReportText {
  json: string;
  to: number;
  lines: number;
  slots: ReadonlyMap<Ref, SlotState>;
  /** The journal's last. */
  final: boolean;
}

export class JournalFeed {
  readonly id: string;
  /** Every line up to here is durable at the service. */
  applied = 0;
  /** Something waits that should not wait for the next report's time. */
  urgent = false;
  private reader: JournalReader;
  private lines: Line[] = [];
  private readonly slots = new Map<Ref, SlotState>();
  private begins = true;
  private next = 0;
  private exhausted = false;
  /** The last line of a dead process's journal was read. */
  private ended = false;

  /** @param died the owner is proven dead: what is read last is the end */
  constructor(
    private readonly folder: string,
    private readonly died: boolean,
  ) {
    this.id = basename(folder);
    this.reader = new JournalReader(folder);
  }

  /** Reads on, unless what was read before still waits. True when there is something to tell. */
  read(): boolean {
    this.exhausted = false;
    while (this.lines.length < READ_LINES && !this.exhausted) {
      const { evidence, slots } = this.reader.read(READ_LINES);
      for (const { seq, evidence: fact } of evidence) {
        this.lines.push({ seq, json: JSON.stringify({ seq, evidence: fact }) });
        if (URGENT.has(fact.t)) this.urgent = true;
      }
      for (const { track, state } of slots) this.slots.set(track, state);
      this.exhausted = evidence.length === 0;
    }
    if (this.died && this.exhausted && !this.ended) this.readEnd();
    return this.lines.length > 0 || this.slots.size > 0;
  }

  /** The end of a dead process's journal. */
  private readEnd(): void {
    this.ended = true;
    const untold = this.reader.readUntold();
    if (untold !== null) this.lines.push({ seq: untold.seq, json: JSON.stringify(untold) });
  }

  /** The service has everything that was read. */
  get settled(): boolean {
    return this.lines.length === 0 && this.slots.size === 0 && this.applied >= this.next - 1;
  }

  /** More was read than one report holds, or stands in the journal still. */
  get hasMore(): boolean {
    return this.lines.length > 0 || this.slots.size > 0 || !this.exhausted;
  }

  /** Nothing was ever written: there is no journal to tell of. */
  get isEmpty(): boolean {
    return this.begins && this.lines.length === 0;
  }

  /** The next report of what was read; without anything new it says that the process lives. Null: see `isEmpty`. */
  report(): ReportText | null {
    if (this.isEmpty && !this.died) return null;
    const from = this.begins ? (this.lines[0]?.seq ?? 1) : this.next;
    let room = REPORT_CHARACTERS_MAX - HEAD_CHARACTERS;
    let lines = 0;
    while (lines < this.lines.length) {
      const needed = (this.lines[lines] as Line).json.length + 1;
      if (lines > 0 && needed > room) break;
      room -= needed;
      lines++;
    }
    const slots = new Map<Ref, SlotState>();
    const slotTexts: string[] = [];
    // A slot refers to lines that come before it.
    for (const [track, state] of lines === this.lines.length ? this.slots : []) {
      const text = JSON.stringify({ track, state });
      if (lines + slots.size > 0 && text.length + 1 > room) break;
      room -= text.length + 1;
      slots.set(track, state);
      slotTexts.push(text);
    }
    const final =
      this.died && this.exhausted && lines === this.lines.length && slots.size === this.slots.size;
    const told = this.lines.slice(0, lines);
    const to = told.at(-1)?.seq ?? from - 1;
    const head = {
      version: 1,
      journal: this.id,
      owner: this.reader.owner,
      begins: this.begins,
      from,
      to,
      died: final,
    };
    const texts = told.map((line) => line.json).join(',');
    const json = `${JSON.stringify(head).slice(0, -1)},"lines":[${texts}],"slots":[${slotTexts.join(',')}]}`;
    return { json, to, lines, slots, final };
  }

  sent(report: ReportText, answer: ReportAnswer): void {
    this.lines.splice(0, report.lines);
    for (const [track, state] of report.slots) if (this.slots.get(track) === state) this.slots.delete(track);
    this.begins = false;
    this.next = report.to + 1;
    this.applied = answer.applied;
    if (this.lines.length === 0) this.urgent = false;
  }

  /** The service does not know what came before: the journal is told anew, from the oldest that is left. */
  restart(): void {
    this.reader = new JournalReader(this.folder);
    this.lines = [];
    this.slots.clear();
    this.begins = true;
    this.next = 0;
    this.ended = false;
  }
}
