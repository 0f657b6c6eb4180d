/**
 * From one journal into the store, each fact once. The same path serves the journal of this process, those of its
 * living neighbours, those of the dead, and those of other hosts, which are told by reports: runs are monotone, and
 * every other line is applied only when its number is above the one that stands in `applied_journal`, which is
 * written in the same transaction.
 *
 * A session waits until its cluster is known (a line that comes within moments of connecting), for a while (`Defined`);
 * its lines are held back in order.
 */
import { deliveriesIn, type JournalRead, RunNumbers, type SlotState } from '../journal';
import type { DetailDropped, Evidence, HitsFound, Ref, Run } from '../ledger';
import { Defined, type KnownSession } from './defined';
import { batchRuns, diedIn, endedRun, openRun, prematureIn, promisedIn } from './slot-runs';
import type { Tables } from './tables';

const SEEN_EVERY_MS = 5_000;
const LOST_RANGES_MAX = 10_000;

type RunInSlot = Pick<SlotState, 'run' | 'member' | 'first' | 'last'>;
type Line = JournalRead['evidence'][number];

/** Where a journal is read from: its folder, or reports of it. */
export interface JournalSource {
  readonly id: string;
  /** What is new since the last read. */
  read(): JournalRead;
  /** When its owner is dead and everything was read: what it lost and could not tell. */
  readUntold?(): Line | null;
}

export class JournalIntake<Source extends JournalSource = JournalSource> {
  private readonly defined: Defined;
  private readonly slots = new Map<Ref, SlotState>();
  private waiting: Line[] = [];
  /** Runs of batches with gaps that a handler has now, by number. */
  private openBatches = new Map<number, Run>();
  /** Runs whose ends the journal had no room for: their slots are older than that. */
  private readonly lost = new RunNumbers(LOST_RANGES_MAX);
  /** Slots that changed and could not be applied yet. */
  private readonly due = new Set<Ref>();
  /** How each slot stands in the store. */
  private readonly stored = new Map<Ref, SlotState>();

  constructor(
    readonly source: Source,
    private readonly tables: Tables,
  ) {
    this.defined = new Defined(source.id, tables);
  }

  /** Highest line in the store. The journal may forget up to here. */
  appliedSeq = 0;

  /**
   * Reads on, without touching the store. True when there is something to apply.
   * @param died the owner is proven dead: this is the end
   */
  read(died = false): boolean {
    const { evidence, slots } = this.source.read();
    const untold = died ? (this.source.readUntold?.() ?? null) : null;
    if (untold !== null) evidence.push(untold);
    for (const line of evidence) this.defined.learn(line.evidence);
    this.waiting.push(...evidence);
    for (const { track, state } of slots) {
      this.slots.set(track, state);
      this.due.add(track);
    }
    return this.waiting.length > 0 || this.due.size > 0;
  }

  /** Something of what was read is more than members going on as they began: further, and nothing went wrong. */
  get isPressing(): boolean {
    const reached = new Map<Ref, RunInSlot>();
    const goesOn = (track: Ref, run: RunInSlot) => {
      const before = reached.get(track) ?? this.stored.get(track);
      reached.set(track, run);
      if (before === undefined || run.member !== before.member) return false;
      return run.run === before.run || run.first > before.last;
    };
    for (const { evidence } of this.waiting) {
      if (evidence.t !== 'run' || evidence.outcome !== 'handled') return true;
      if (!goesOn(evidence.track, evidence)) return true;
    }
    for (const track of this.due) {
      const state = this.slots.get(track);
      if (state === undefined || state.hits !== null || !goesOn(track, state)) return true;
    }
    return false;
  }

  /** Nothing is new, and it is time to say that its sessions live. */
  isSilent(now: number): boolean {
    return [...this.defined.sessions.values()].some(
      (session) => session.id !== null && session.endedAt === null && now - session.seenAt > SEEN_EVERY_MS,
    );
  }

  /**
   * Applies what was read. Within a transaction of the caller's; after a failure of it call `undo`.
   * @param died the owner is proven dead: open runs end, and nothing waits any more
   */
  apply(died: boolean, now: number): void {
    const { tables } = this;
    const done = tables.seqOf(this.source.id);
    const version = tables.nextVersion();
    this.batchesBefore = new Map(this.openBatches);
    if (died) for (const track of this.slots.keys()) this.due.add(track);
    let seq = done;
    const held: Line[] = [];
    for (const line of this.waiting) {
      const session = this.defined.sessionOf(line.evidence);
      const ready = session === undefined || this.defined.prepare(session, died, now);
      if (!ready || held.length > 0) {
        held.push(line);
        continue;
      }
      this.applyLine(line, line.seq > done, version, now);
      seq = Math.max(seq, line.seq);
    }
    if (died) {
      for (const run of this.openBatches.values()) this.applyRun({ ...run, outcome: 'in_flight' }, version);
    }
    const heldSlots = [...this.due].filter((track) => !this.applySlot(track, died, version, now));
    for (const session of this.defined.sessions.values()) {
      // A batch with gaps whose line went with an earlier segment is still open in the store alone.
      if (died && session.id !== null) tables.runs.endOpen(session.id, version);
      this.markSeen(session, died, now);
    }
    tables.markSeq(this.source.id, seq, died, now);
    this.commitLater = () => {
      this.waiting = held;
      for (const track of heldSlots) this.due.delete(track);
      for (const track of this.due) {
        const state = this.slots.get(track);
        if (state !== undefined) this.stored.set(track, state);
      }
      this.due.clear();
      for (const track of heldSlots) this.due.add(track);
      this.appliedSeq = seq;
    };
  }

  private commitLater: () => void = () => {};
  private batchesBefore = this.openBatches;

  /** The transaction stands: what was applied need not be kept. */
  committed(): void {
    this.commitLater();
    this.commitLater = () => {};
  }

  /** The transaction was rolled back: row ids that it made are void. */
  undo(): void {
    this.commitLater = () => {};
    this.defined.forgetRows();
    this.openBatches = this.batchesBefore;
  }

  private applyLine({ evidence, seq }: Line, isNew: boolean, version: number, now: number): void {
    const { facts } = this.tables;
    if (!isNew) {
      this.remember(evidence);
      return;
    }
    if (this.isAboutUnknown(evidence)) {
      // Its definition is nowhere: what it says cannot be filed, and must not hold up what comes behind it.
      const events = { at: now, events: 1, deliveries: deliveriesIn(evidence) };
      facts.dropped(this.source.id, seq, { ...events, reason: 'evidence of what was never defined' });
      return;
    }
    switch (evidence.t) {
      case 'join': {
        const member = this.defined.memberOf(evidence.member);
        if (member !== null) facts.memberTookOver(this.defined.idOf(evidence.session), member, evidence);
        this.defined.noteLife(evidence);
        break;
      }
      case 'running': {
        const { t: _t, session, at: _at, ...settings } = evidence;
        this.defined.noteLife(evidence);
        facts.settings(this.defined.idOf(session), settings);
        break;
      }
      case 'generation': {
        const member = this.defined.memberOf(evidence.member);
        if (member !== null) facts.generation(member, evidence.generation);
        break;
      }
      case 'run':
        this.applyRun(evidence, version);
        break;
      case 'batch':
        for (const run of batchRuns(evidence)) {
          this.openBatches.set(run.run, run);
          this.applyRun(run, version);
        }
        break;
      case 'batch-end':
        this.endLostBatches(evidence.track, evidence.run, version);
        for (const [number, open] of this.openBatches) {
          if (open.track !== evidence.track) continue;
          this.openBatches.delete(number);
          this.applyRun(endedRun(open, evidence), version);
        }
        break;
      case 'hit':
        this.applyHits(evidence, version);
        break;
      case 'rewind': {
        const track = this.defined.tracks.get(evidence.track);
        if (track === undefined) break;
        const gp = this.defined.gpOf(track);
        facts.loweredCommit(gp, this.defined.idOf(track.session), evidence);
        this.tables.rewinds.told(gp, this.defined.idOf(track.session), evidence, version);
        break;
      }
      case 'start':
      case 'short-commit': {
        const track = this.defined.tracks.get(evidence.track);
        if (track === undefined) break;
        const gp = this.defined.gpOf(track);
        if (evidence.t === 'start') {
          facts.start(gp, this.defined.idOf(track.session), evidence);
          this.tables.promises.decide(gp, version);
        } else facts.shortCommit(gp, this.defined.idOf(track.session), evidence);
        break;
      }
      case 'premature': {
        const track = this.defined.tracks.get(evidence.track);
        if (track === undefined) break;
        this.tables.prematures.note(
          this.defined.gpOf(track),
          this.defined.idOf(track.session),
          evidence,
          version,
        );
        break;
      }
      case 'transactional':
        facts.transactional(this.defined.idOf(evidence.session), evidence.state);
        break;
      case 'promise':
      case 'covered': {
        const track = this.defined.tracks.get(evidence.track);
        if (track === undefined) break;
        const [gp, session] = [this.defined.gpOf(track), this.defined.idOf(track.session)];
        if (evidence.t === 'promise') this.tables.promises.note(gp, session, evidence, version);
        else this.tables.hits.cover({ ...evidence, gp, session }, version);
        break;
      }
      case 'commit-failed':
        facts.commitFailed(this.defined.idOf(evidence.session), evidence);
        break;
      case 'seek': {
        const topic = [...this.defined.topics].findLast(([, known]) => known.name === evidence.topic)?.[0];
        if (topic === undefined) break; // nothing of that topic was ever delivered to this process
        const gp = this.defined.gpOf({ session: evidence.session, topic, partition: evidence.partition });
        facts.seek(gp, this.defined.idOf(evidence.session), evidence);
        break;
      }
      case 'end': {
        this.defined.noteLife(evidence);
        if (evidence.restart !== true) facts.end(this.defined.idOf(evidence.session), evidence);
        break;
      }
      case 'producer':
        facts.producer(this.source.id, evidence);
        break;
      case 'sends': {
        const key = this.defined.producers.get(evidence.producer);
        if (key !== undefined) facts.sends(key, evidence);
        break;
      }
      case 'dropped':
        this.applyDropped(evidence, seq, version);
        break;
    }
  }

  private isAboutUnknown(evidence: Evidence): boolean {
    const isOfSession = 'session' in evidence || 'track' in evidence || evidence.t === 'generation';
    return isOfSession && typeof this.defined.sessionOf(evidence)?.id !== 'number';
  }

  /**
   * What the journal had no room for. The store may have read the beginning of such a run from its slot: that much
   * is not lost. How the run went on is not known.
   */
  private applyDropped(fact: DetailDropped, seq: number, version: number): void {
    let known = 0;
    for (const [first, last] of fact.runs ?? []) {
      this.lost.add(first, last);
      known += this.tables.runs.endLost(this.source.id, first, last, version);
    }
    const deliveries = Math.max(0, fact.deliveries - known);
    this.tables.facts.dropped(this.source.id, seq, { ...fact, deliveries });
  }

  /** Batches of a track before the run of that number, whose ends the journal had no room for. */
  private endLostBatches(track: Ref, before: number, version: number): void {
    for (const [number, open] of this.openBatches) {
      if (open.track !== track || number >= before) continue;
      this.openBatches.delete(number);
      this.applyRun({ ...open, outcome: 'in_flight' }, version);
    }
  }

  /** Of a line that the store has: what later ones build on. */
  private remember(evidence: Evidence): void {
    if (evidence.t === 'batch') {
      for (const run of batchRuns(evidence)) this.openBatches.set(run.run, run);
    } else if (evidence.t === 'batch-end') {
      for (const [number, open] of this.openBatches) {
        if (open.track === evidence.track) this.openBatches.delete(number);
      }
    } else if (evidence.t === 'join' || evidence.t === 'running' || evidence.t === 'end') {
      this.defined.noteLife(evidence);
    }
  }

  private applyRun(run: Run, version: number): void {
    const track = this.defined.tracks.get(run.track);
    const session = track === undefined ? undefined : this.defined.sessions.get(track.session);
    if (track === undefined || typeof session?.id !== 'number') return;
    const { track: _, member, error, ...rest } = run;
    this.tables.runs.apply(
      {
        ...rest,
        gp: this.defined.gpOf(track),
        group: session.group,
        topic: this.defined.topicOf(track),
        session: session.id,
        sessionKey: session.fact.key,
        member: this.defined.memberOf(member),
        error: error ?? null,
      },
      version,
    );
    this.tables.promises.decide(this.defined.gpOf(track), version);
  }

  private applyHits(fact: Omit<HitsFound, 't'>, version: number): void {
    const track = this.defined.tracks.get(fact.track);
    const session = track === undefined ? undefined : this.defined.sessions.get(track.session);
    if (track === undefined || typeof session?.id !== 'number') return;
    const { run, first, last, at, ageMs, windowMs } = fact;
    const hit = { gp: this.defined.gpOf(track), session: session.id, run, first, last, at, ageMs, windowMs };
    this.tables.hits.apply(hit, version);
  }

  /** False while the slot's session waits. */
  private applySlot(ref: Ref, died: boolean, version: number, now: number): boolean {
    const state = this.slots.get(ref);
    const track = this.defined.tracks.get(ref);
    const session = track === undefined ? undefined : this.defined.sessions.get(track.session);
    if (state === undefined) return true;
    if (track === undefined || session === undefined) {
      if (died && state.open && !this.lost.has(state.run)) this.applyUndefined(ref, state, now);
      return died;
    }
    if (!this.defined.prepare(session, died, now)) return false;
    const isOpen = state.open && !this.lost.has(state.run);
    if (isOpen) this.endLostBatches(ref, state.run, version);
    const { hits } = state;
    // Before the run that they belong to: what it has handled is never taken for applied first.
    if (hits !== null) {
      const ageMs = hits.ageMs < 0 ? null : hits.ageMs;
      const stretch = { ...hits, ageMs, track: ref, run: state.run, at: state.lastAt, windowMs: null };
      this.applyHits(stretch, version);
    }
    if (isOpen) this.applyRun({ ...openRun(ref, state), ...(died ? diedIn(state) : {}) }, version);
    const position = {
      next: state.last + 1,
      handled: state.handled,
      committed: state.committed,
      exposedSince: state.exposedSince,
      peakRecords: state.peakRecords ?? 0,
      peakMs: state.peakMs ?? 0,
      peakHour: state.peakHour ?? 0,
      at: state.lastAt,
    };
    const gp = this.defined.gpOf(track);
    this.tables.facts.position(gp, session.id as number, position, state.commitSeen);
    this.tables.exposures.weigh(gp, session.id as number, position);
    if (died) {
      const premature = prematureIn(state);
      if (premature !== null) this.tables.prematures.note(gp, session.id as number, premature, version);
      const promised = promisedIn(state);
      if (promised !== null) this.tables.promises.note(gp, session.id as number, promised, version);
    }
    return true;
  }

  /** The process was killed before there was room for the definition of this track. */
  private applyUndefined(track: Ref, state: SlotState, now: number): void {
    const fact = { at: now, events: 1, deliveries: state.last - state.first + 1 };
    const reason = 'the journal had no room to say of what';
    this.tables.facts.dropped(this.source.id, -1 - track, { ...fact, reason });
  }

  private markSeen(session: KnownSession, died: boolean, now: number): void {
    if (session.id === null) return;
    if (died) {
      if (session.endedAt === null)
        this.tables.facts.end(session.id, { at: this.lastSign(session), how: 'died' });
    } else if (session.endedAt === null && now - session.seenAt > SEEN_EVERY_MS) {
      session.seenAt = now;
      this.tables.facts.seen(session.id, now);
    }
  }

  /** The last time that the dead process is known to have lived. */
  private lastSign(session: KnownSession): number {
    const times = [...this.slots]
      .filter(([ref]) => this.defined.sessions.get(this.defined.tracks.get(ref)?.session ?? -1) === session)
      .map(([, state]) => state.lastAt);
    return Math.max(session.fact.at, ...times);
  }
}
