/**
 * What one journal has defined: its sessions, topics, tracks, members and producers, by the references that its lines
 * use, and the rows of them in the store. A session that never learned its cluster is filed under UNKNOWN_CLUSTER after
 * WAIT_FOR_CLUSTER_MS.
 */
import type { Evidence, MemberJoined, Ref, SessionStarted } from '../ledger';
import type { Tables } from './tables';

const UNKNOWN_CLUSTER = 'unknown';
const WAIT_FOR_CLUSTER_MS = 15_000;

export interface KnownSession {
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

export interface KnownTrack {
  session: Ref;
  topic: Ref;
  partition: number;
}

export class Defined {
  readonly sessions = new Map<Ref, KnownSession>();
  readonly topics = new Map<Ref, { name: string; topicId: string | null }>();
  readonly tracks = new Map<Ref, KnownTrack>();
  /** Keys of producers. */
  readonly producers = new Map<Ref, string>();
  readonly members = new Map<Ref, { fact: MemberJoined; id: number | null }>();

  /** @param journal its id */
  constructor(
    private readonly journal: string,
    private readonly tables: Tables,
  ) {}

  learn(evidence: Evidence): void {
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

  /** Null: not of a session. */
  sessionOf(evidence: Evidence): KnownSession | undefined {
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
  prepare(session: KnownSession, died: boolean, now: number): boolean {
    if (session.id !== null) return true;
    if (session.cluster === null && !died && now - session.learnedAt < WAIT_FOR_CLUSTER_MS) return false;
    session.clusterId = this.tables.dimensions.cluster(session.cluster ?? UNKNOWN_CLUSTER);
    session.group = this.tables.dimensions.group(session.clusterId, session.fact.group);
    session.id = this.tables.facts.session(this.journal, session.group, session.fact);
    return true;
  }

  /** Its row; null: of a member or session that was never defined. */
  memberOf(ref: Ref): number | null {
    const member = this.members.get(ref);
    const session = this.sessions.get(member?.fact.session ?? -1);
    if (member === undefined || typeof session?.id !== 'number') return null;
    member.id ??= this.tables.facts.member(session.id, member.fact);
    return member.id;
  }

  idOf(session: Ref): number {
    return this.sessions.get(session)?.id as number;
  }

  topicOf(track: KnownTrack): number {
    const session = this.sessions.get(track.session) as KnownSession;
    const topic = this.topics.get(track.topic) ?? { name: 'unknown', topicId: null };
    return this.tables.dimensions.topic(session.clusterId, topic.name, topic.topicId, session.fact.at);
  }

  gpOf(track: KnownTrack): number {
    const session = this.sessions.get(track.session) as KnownSession;
    return this.tables.dimensions.groupPartition(session.group, this.topicOf(track), track.partition);
  }

  /** That it lives, or has ended. A segment's head repeats the last join: one from before the end revives nobody. */
  noteLife(fact: { t: string; session: Ref; at: number; restart?: boolean }): void {
    const session = this.sessions.get(fact.session);
    if (session === undefined) return;
    if (fact.t === 'end') session.endedAt = fact.restart === true ? null : fact.at;
    else if (session.endedAt !== null && fact.at > session.endedAt) session.endedAt = null;
  }

  /** Rows that a transaction made which was rolled back are void. */
  forgetRows(): void {
    for (const session of this.sessions.values()) session.id = null;
    for (const member of this.members.values()) member.id = null;
  }
}
