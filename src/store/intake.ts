/**
 * From one journal into the store, each fact once. The same path serves the journal of this process, those of its
 * living neighbours, those of the dead, and those of other hosts, which are told by reports: runs are monotone, and
 * every other line is applied only when its number is above the one that stands in `applied_journal`, which is
 * written in the same transaction.
 *
 * A session waits until its cluster is known (a line that comes within moments of connecting); its lines are held
 * back in order. A session that never learned it is filed under UNKNOWN_CLUSTER after WAIT_FOR_CLUSTER_MS.
 */
import { deliveriesIn, type JournalRead, RunNumbers, type SlotState } from '../journal';
import type { DetailDropped, Evidence, HitsFound, MemberJoined, Ref, Run, SessionStarted } from '../ledger';
import { batchRuns, diedIn, endedRun, openRun, prematureIn, promisedIn } from './slot-runs';
import type { Tables } from './tables';

export const UNKNOWN_CLUSTER = 'unknown';
const WAIT_FOR_CLUSTER_MS = 15_000;
const SEEN_EVERY_MS = 5_000;
const LOST_RANGES_MAX = 10_000;

interface KnownSession {
  fact: SessionStarted;
  cluster: string | null;
  /** Row ids, once the cluster is known. */
  id: number | null;
  clusterId: number;
  group: number;
  /** When this intake read of it, by this host's clock: that of the observed one may be another. */
  learnedAt: number;
  seenAt: number;
  /** When it told its end; null while it lives. */
  endedAt: number | null;
}

interface KnownTrack {
  session: Ref;
  topic: Ref;
  partition: number;
}

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
  private readonly sessions = new Map<Ref, KnownSession>();
  private readonly topics = new Map<Ref, { name: string; topicId: string | null }>();
  private readonly tracks = new Map<Ref, KnownTrack>();
  /** Keys of producers. */
  private readonly producers = new Map<Ref, string>();
  private readonly members = new Map<Ref, { fact: MemberJoined; id: number | null }>();
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
  ) {}

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
    for (const line of evidence) this.learn(line.evidence);
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
    return [...this.sessions.values()].some(
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
      const session = this.sessionOf(line.evidence);
      const ready = session === undefined || this.prepare(session, died, now);
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
    for (const session of this.sessions.values()) {
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
    for (const session of this.sessions.values()) session.id = null;
    for (const member of this.members.values()) member.id = null;
    this.openBatches = this.batchesBefore;
  }

  private learn(evidence: Evidence): void {
    switch (evidence.t) {
      case 'session':
        if (!this.sessions.has(evidence.session)) {
          this.sessions.set(evidence.session, {
            fact: evidence,
            cluster: null,
            id: null,
            clusterId: 0,
            group: 0,
            learnedAt: Date.now(),
            seenAt: 0,
            endedAt: null,
          });
        }
        break;
      case 'cluster': {
        const session = this.sessions.get(evidence.session);
        if (session !== undefined && session.cluster !== evidence.clusterId) {
          session.cluster = evidence.clusterId;
          session.id = null;
        }
        break;
      }
      case 'topic':
        this.topics.set(evidence.topic, { name: evidence.name, topicId: evidence.topicId });
        break;
      case 'producer':
        this.producers.set(evidence.producer, evidence.key);
        break;
      case 'track':
        this.tracks.set(evidence.track, evidence);
        break;
      case 'join':
        if (!this.members.has(evidence.member)) {
          this.members.set(evidence.member, { fact: evidence, id: null });
        }
        break;
    }
  }

  private sessionOf(evidence: Evidence): KnownSession | undefined {
    if ('session' in evidence) return this.sessions.get(evidence.session);
    if (evidence.t === 'generation') {
      return this.sessions.get(this.members.get(evidence.member)?.fact.session ?? -1);
    }
    if ('track' in evidence) {
      return this.sessions.get(this.tracks.get(evidence.track)?.session ?? -1);
    }
    return undefined;
  }

  /** Gives the session its row. False while its cluster is not known and there is hope. */
  private prepare(session: KnownSession, died: boolean, now: number): boolean {
    if (session.id !== null) return true;
    if (session.cluster === null && !died && now - session.learnedAt < WAIT_FOR_CLUSTER_MS) return false;
    session.clusterId = this.tables.dimensions.cluster(session.cluster ?? UNKNOWN_CLUSTER);
    session.group = this.tables.dimensions.group(session.clusterId, session.fact.group);
    session.id = this.tables.facts.session(this.source.id, session.group, session.fact);
    return true;
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
        const member = this.memberOf(evidence.member);
        if (member !== null) facts.memberTookOver(this.idOf(evidence.session), member, evidence);
        noteLife(this.sessions.get(evidence.session), evidence);
        break;
      }
      case 'running': {
        const { t: _t, session, at: _at, ...settings } = evidence;
        noteLife(this.sessions.get(session), evidence);
        facts.settings(this.idOf(session), settings);
        break;
      }
      case 'generation': {
        const member = this.memberOf(evidence.member);
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
        const track = this.tracks.get(evidence.track);
        if (track === undefined) break;
        const gp = this.gpOf(track);
        facts.loweredCommit(gp, this.idOf(track.session), evidence);
        this.tables.rewinds.told(gp, this.idOf(track.session), evidence, version);
        break;
      }
      case 'start':
      case 'short-commit': {
        const track = this.tracks.get(evidence.track);
        if (track === undefined) break;
        const gp = this.gpOf(track);
        if (evidence.t === 'start') {
          facts.start(gp, this.idOf(track.session), evidence);
          this.tables.promises.decide(gp, version);
        } else facts.shortCommit(gp, this.idOf(track.session), evidence);
        break;
      }
      case 'premature': {
        const track = this.tracks.get(evidence.track);
        if (track === undefined) break;
        this.tables.prematures.note(this.gpOf(track), this.idOf(track.session), evidence, version);
        break;
      }
      case 'transactional':
        facts.transactional(this.idOf(evidence.session), evidence.state);
        break;
      case 'promise':
      case 'covered': {
        const track = this.tracks.get(evidence.track);
        if (track === undefined) break;
        const [gp, session] = [this.gpOf(track), this.idOf(track.session)];
        if (evidence.t === 'promise') this.tables.promises.note(gp, session, evidence, version);
        else this.tables.hits.cover({ ...evidence, gp, session }, version);
        break;
      }
      case 'commit-failed':
        facts.commitFailed(this.idOf(evidence.session), evidence);
        break;
      case 'seek': {
        const topic = [...this.topics].findLast(([, known]) => known.name === evidence.topic)?.[0];
        if (topic === undefined) break; // nothing of that topic was ever delivered to this process
        const gp = this.gpOf({ session: evidence.session, topic, partition: evidence.partition });
        facts.seek(gp, this.idOf(evidence.session), evidence);
        break;
      }
      case 'end': {
        const session = this.sessions.get(evidence.session);
        noteLife(session, evidence);
        if (evidence.restart !== true) facts.end(this.idOf(evidence.session), evidence);
        break;
      }
      case 'producer':
        facts.producer(this.source.id, evidence);
        break;
      case 'sends': {
        const key = this.producers.get(evidence.producer);
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
    return isOfSession && typeof this.sessionOf(evidence)?.id !== 'number';
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
      const session = this.sessions.get(evidence.session);
      noteLife(session, evidence);
    }
  }

  private applyRun(run: Run, version: number): void {
    const track = this.tracks.get(run.track);
    const session = track === undefined ? undefined : this.sessions.get(track.session);
    if (track === undefined || typeof session?.id !== 'number') return;
    const { track: _, member, error, ...rest } = run;
    this.tables.runs.apply(
      {
        ...rest,
        gp: this.gpOf(track),
        group: session.group,
        topic: this.topicOf(track),
        session: session.id,
        sessionKey: session.fact.key,
        member: this.memberOf(member),
        error: error ?? null,
      },
      version,
    );
    this.tables.promises.decide(this.gpOf(track), version);
  }

  private applyHits(fact: Omit<HitsFound, 't'>, version: number): void {
    const track = this.tracks.get(fact.track);
    const session = track === undefined ? undefined : this.sessions.get(track.session);
    if (track === undefined || typeof session?.id !== 'number') return;
    const { run, first, last, at, ageMs, windowMs } = fact;
    const hit = { gp: this.gpOf(track), session: session.id, run, first, last, at, ageMs, windowMs };
    this.tables.hits.apply(hit, version);
  }

  /** False while the slot's session waits. */
  private applySlot(ref: Ref, died: boolean, version: number, now: number): boolean {
    const state = this.slots.get(ref);
    const track = this.tracks.get(ref);
    const session = track === undefined ? undefined : this.sessions.get(track.session);
    if (state === undefined) return true;
    if (track === undefined || session === undefined) {
      if (died && state.open && !this.lost.has(state.run)) this.applyUndefined(ref, state, now);
      return died;
    }
    if (!this.prepare(session, died, now)) return false;
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
    const gp = this.gpOf(track);
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
      .filter(([ref]) => this.sessions.get(this.tracks.get(ref)?.session ?? -1) === session)
      .map(([, state]) => state.lastAt);
    return Math.max(session.fact.at, ...times);
  }

  private memberOf(ref: Ref): number | null {
    const member = this.members.get(ref);
    const session = this.sessions.get(member?.fact.session ?? -1);
    if (member === undefined || typeof session?.id !== 'number') return null;
    member.id ??= this.tables.facts.member(session.id, member.fact);
    return member.id;
  }

  private idOf(session: Ref): number {
    return this.sessions.get(session)?.id as number;
  }

  private topicOf(track: KnownTrack): number {
    const session = this.sessions.get(track.session) as KnownSession;
    const topic = this.topics.get(track.topic) ?? { name: 'unknown', topicId: null };
    return this.tables.dimensions.topic(session.clusterId, topic.name, topic.topicId, session.fact.at);
  }

  private gpOf(track: KnownTrack): number {
    const session = this.sessions.get(track.session) as KnownSession;
    return this.tables.dimensions.groupPartition(session.group, this.topicOf(track), track.partition);
  }
}

/** A segment's head repeats the last join: one from before the end revives nobody. */
function noteLife(
  session: KnownSession | undefined,
  fact: { t: string; at: number; restart?: boolean },
): void {
  if (session === undefined) return;
  if (fact.t === 'end') session.endedAt = fact.restart === true ? null : fact.at;
  else if (session.endedAt !== null && fact.at > session.endedAt) session.endedAt = null;
}
