/**
 * Looks for skipped records: gaps in what a group got, below its committed offset, where a record is known to exist.
 * Looked at anew while more becomes known: a late report fills a gap, and the skip is taken back.
 */
import {
  explainSkip,
  gapsOf,
  type OffsetRange,
  RUN_RECORDS_MAX,
  records,
  type SkipExplanation,
  within,
} from '../ledger';
import type { Incidents } from './incidents';
import type { Store } from './open';

/** So many of the latest stretches of coverage are looked at, a group partition. */
const STRETCHES_LOOKED_AT = 500;
/** So many ranges of what is known to exist are taken into account, a gap. */
const KNOWN_MAX = 200;
/** A session that was not heard of for this long keeps nothing back any more. */
const UNHEARD_MS = 600_000;

/** What a group that reads uncommitted records gets of an aborted transaction is there for no other group. */
const COMPARABLE = `NOT EXISTS (SELECT 1 FROM session s WHERE s.grp = o.grp
  AND json_extract(s.settings, '$.readUncommitted') = 1)`;

interface CandidateRow {
  gp: number;
  grp: number;
  topic: number;
  partition: number;
  cluster: number;
}

/** Records that were passed over, in a gap that may be longer. */
interface Skipped extends OffsetRange {
  gapEnd: number;
}

interface SkipRow extends OffsetRange {
  id: number;
  incident: number | null;
  incidentRecords: number;
}

export class Skips {
  private readonly statements;

  constructor(
    db: Store,
    private readonly incidents: Incidents,
  ) {
    this.statements = {
      // Only where something else can tell of records: another group on the same partition, or a seek forward.
      candidates: db.prepare<{ since: number }, CandidateRow>(
        `SELECT gp.id AS gp, gp.grp, gp.topic, gp.partition, t.cluster
         FROM group_partition gp JOIN topic t ON t.id = gp.topic
         WHERE (EXISTS (SELECT 1 FROM group_partition o WHERE o.topic = gp.topic AND o.partition = gp.partition
                  AND o.id <> gp.id)
             OR EXISTS (SELECT 1 FROM seek k WHERE k.gp = gp.id AND k.over_first IS NOT NULL))
           AND EXISTS (SELECT 1 FROM group_partition o JOIN position p ON p.gp = o.id
                WHERE o.topic = gp.topic AND o.partition = gp.partition AND p.updated_at >= @since)`,
      ),
      committed: db.prepare<[number], { committed: number; at: number }>(
        `SELECT p.committed, p.updated_at AS at FROM position p
         WHERE p.gp = ? AND EXISTS (SELECT 1 FROM commit_point c WHERE c.gp = p.gp AND c.session = p.session)
         ORDER BY p.updated_at DESC LIMIT 1`,
      ),
      covered: db.prepare<[number, number, number], OffsetRange>(
        'SELECT first, last FROM coverage WHERE gp = ? AND first < ? ORDER BY first DESC LIMIT ?',
      ),
      elsewhere: db.prepare<
        { gp: number; topic: number; partition: number; first: number; last: number },
        OffsetRange
      >(
        `SELECT c.first, c.last FROM group_partition o JOIN coverage c ON c.gp = o.id
         WHERE o.topic = @topic AND o.partition = @partition AND o.id <> @gp AND ${COMPARABLE} AND c.first <= @last
           AND c.first >= coalesce((SELECT max(first) FROM coverage WHERE gp = o.id AND first <= @first), @first)
           AND c.last >= @first LIMIT ${KNOWN_MAX}`,
      ),
      // Of a compacted log: only what another group got when this one had gone past it was there to be had.
      elsewhereSince: db.prepare<
        { gp: number; topic: number; partition: number; first: number; last: number; at: number },
        OffsetRange
      >(
        `SELECT d.first, d.last FROM group_partition o JOIN delivery_run d INDEXED BY delivery_run_by_first ON d.gp = o.id
         WHERE o.topic = @topic AND o.partition = @partition AND o.id <> @gp AND ${COMPARABLE}
           AND d.first BETWEEN @first - ${RUN_RECORDS_MAX} AND @last AND d.last >= @first AND d.first_at >= @at
         LIMIT ${KNOWN_MAX}`,
      ),
      compacted: db.prepare<{ topic: number }, { compacted: number }>(
        `SELECT s.compacted FROM group_partition gp JOIN partition_start s ON s.gp = gp.id
         WHERE gp.topic = @topic AND s.compacted IS NOT NULL ORDER BY s.at DESC LIMIT 1`,
      ),
      deleted: db.prepare<
        { gp: number; first: number; last: number },
        { committed: number; logStart: number; at: number }
      >(
        `SELECT committed, log_start AS logStart, at FROM partition_start
         WHERE gp = @gp AND committed <= @first AND log_start > @last ORDER BY at DESC LIMIT 1`,
      ),
      soughtOver: db.prepare<{ gp: number; first: number; last: number }, OffsetRange>(
        `SELECT over_first AS first, over_last AS last FROM seek INDEXED BY seek_over
         WHERE gp = @gp AND over_first IS NOT NULL AND over_first <= @last AND over_last >= @first LIMIT ${KNOWN_MAX}`,
      ),
      unheard: db.prepare<[number, number, number], { one: number }>(
        `SELECT 1 AS one FROM session WHERE grp = ? AND ended_at IS NULL AND started_at <= ? AND last_seen_at < ? LIMIT 1`,
      ),
      seek: db.prepare<
        { gp: number; from: number; to: number },
        { target: string; at: number; client: string | null; host: string; pid: number }
      >(
        `SELECT k.target, k.at, s.client_id AS client, s.host, s.pid FROM seek k JOIN session s ON s.id = k.session
         WHERE k.gp = @gp AND CAST(k.target AS INTEGER) BETWEEN @from AND @to ORDER BY k.at DESC LIMIT 1`,
      ),
      start: db.prepare<
        { gp: number; from: number; to: number },
        { committed: number; at: number; before: number | null }
      >(
        `SELECT p.committed, p.at,
                (SELECT c.committed FROM commit_point c WHERE c.gp = p.gp AND c.at < p.at ORDER BY c.at DESC LIMIT 1) AS before
         FROM partition_start p WHERE p.gp = @gp AND p.committed BETWEEN @from AND @to ORDER BY p.at DESC LIMIT 1`,
      ),
      known: db.prepare<[number, number], SkipRow>(
        `SELECT id, first, last, incident, incident_records AS incidentRecords FROM skip WHERE gp = ? AND last >= ?`,
      ),
      add: db.prepare(
        `INSERT INTO skip (gp, first, last, at, cause, certainty, because, advice, incident, incident_records, version)
         VALUES (@gp, @first, @last, @at, @cause, @certainty, @because, @advice, @incident, @records, @version)`,
      ),
      drop: db.prepare<[number]>('DELETE FROM skip WHERE id = ?'),
      total: db.prepare<[number, number]>('UPDATE group_partition SET skipped = skipped + ? WHERE id = ?'),
    };
  }

  /** @param since partitions where nothing moved since then (unix ms) are left alone */
  check(since: number, now: number, version: number): void {
    for (const place of this.statements.candidates.all({ since })) this.checkPlace(place, now, version);
  }

  private checkPlace(place: CandidateRow, now: number, version: number): void {
    const { gp } = place;
    const s = this.statements;
    const commit = s.committed.get(gp);
    if (commit === undefined || commit.committed <= 0) return;
    const covered = s.covered.all(gp, commit.committed, STRETCHES_LOOKED_AT).reverse();
    const from = covered[0]?.first;
    if (from === undefined) return;
    const wanted = gapsOf(covered, from, commit.committed).flatMap((gap) =>
      within(gap, [...this.elsewhere(place, gap, commit.at), ...s.soughtOver.all({ ...gap, gp })]).map(
        (range) => ({ ...range, gapEnd: gap.last }),
      ),
    );
    for (const row of s.known.all(gp, from)) {
      const same = wanted.findIndex((range) => range.first === row.first && range.last === row.last);
      if (same >= 0) wanted.splice(same, 1);
      // Above a commit that went back since it is neither below the committed offset nor delivered: it stays.
      else if (row.last < commit.committed) this.takeBack(place, row, version);
    }
    if (wanted.length === 0) return;
    const unheard = s.unheard.get(place.grp, commit.at, commit.at) !== undefined;
    if (unheard && now - commit.at < UNHEARD_MS) return;
    for (const range of wanted) this.report(place, range, commit.at, !unheard, version);
  }

  private elsewhere(place: CandidateRow, gap: OffsetRange, at: number): OffsetRange[] {
    const { gp, topic, partition } = place;
    const isWhole = this.statements.compacted.get({ topic })?.compacted === 0;
    return isWhole
      ? this.statements.elsewhere.all({ ...gap, gp, topic, partition })
      : this.statements.elsewhereSince.all({ ...gap, gp, topic, partition, at });
  }

  private report(
    place: CandidateRow,
    { gapEnd, ...range }: Skipped,
    at: number,
    allHeard: boolean,
    version: number,
  ): void {
    const { gp } = place;
    const explained = this.explain(gp, range, gapEnd, allHeard);
    const because = JSON.stringify(explained.because);
    const { cause, certainty, advice } = explained;
    const incident = this.incidents.enter(
      {
        kind: 'skip',
        cause,
        cluster: place.cluster,
        group: place.grp,
        topicOnly: null,
        place,
        firstAt: at,
        lastAt: at,
        records: records(range),
        gapMs: 0,
        certainty,
        because,
        advice,
      },
      version,
    );
    const row = {
      ...range,
      gp,
      at,
      cause,
      certainty,
      because,
      advice,
      incident,
      records: records(range),
      version,
    };
    this.statements.add.run(row);
    this.statements.total.run(records(range), gp);
  }

  /** Who passed over it went to the end of the gap: by then it is known where to. */
  private explain(gp: number, range: OffsetRange, gapEnd: number, allHeard: boolean): SkipExplanation {
    const target = { gp, from: range.last + 1, to: gapEnd + 1 };
    const seek = this.statements.seek.get(target);
    const start = this.statements.start.get(target);
    const deleted = this.statements.deleted.get({ ...range, gp }) ?? null;
    return explainSkip({
      ...range,
      allHeard,
      deleted,
      seek:
        seek === undefined
          ? null
          : {
              target: seek.target,
              at: seek.at,
              name: `${seek.client ?? 'a consumer'} on ${seek.host} (pid ${seek.pid})`,
            },
      start: start === undefined || (start.before !== null && start.before > range.first) ? null : start,
    });
  }

  private takeBack(place: CandidateRow, row: SkipRow, version: number): void {
    this.statements.drop.run(row.id);
    if (row.incident !== null) this.incidents.leave(row.incident, place, row.incidentRecords, version);
  }
}
