/** Incidents, the latest first, and what stands in one. */
import type { Certainty, IncidentKind } from '../../ledger';
import { INCIDENT_GAP_MS } from '../../ledger';
import type { Store } from '../open';
import { mergedPage } from './merge';
import { groupRows } from './places';
import { isLater, type PagePlace } from './redelivery-pages';
import { statement, where } from './statement';

export interface IncidentRow {
  id: number;
  version: number;
  kind: IncidentKind;
  cause: string;
  certainty: Certainty;
  cluster: string;
  group: string | null;
  /** Of what was written twice. */
  topic: string | null;
  firstAt: number;
  lastAt: number;
  findings: number;
  records: number;
  gapMaxMs: number;
  partitions: number;
  /** JSON array: names, at most TOPICS_NAMED. */
  topics: string;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
}

export interface IncidentFilter {
  cluster?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  kind?: string | undefined;
  cause?: string | undefined;
  /** Open: not closed at `now`. */
  isOpen?: boolean | undefined;
  now: number;
  /** Last finding at or after, unix ms. */
  since?: number | undefined;
  /** Last finding before. */
  until?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

const TOPICS_NAMED = 20;

const COLUMNS = `
  SELECT i.id, i.version, i.kind, i.cause, i.certainty, c.cluster_id AS cluster, g.name AS "group", w.name AS topic,
         i.first_at AS firstAt, i.last_at AS lastAt, i.findings, i.records, i.gap_max_ms AS gapMaxMs,
         i.because, i.advice,
         (SELECT count(*) FROM incident_place p WHERE p.incident = i.id) AS partitions,
         (SELECT json_group_array(name) FROM (SELECT DISTINCT t.name FROM incident_place p
            JOIN topic t ON t.id = p.topic WHERE p.incident = i.id ORDER BY t.name LIMIT ${TOPICS_NAMED})) AS topics
  FROM incident i`;
const JOINS = `
  JOIN cluster c ON c.id = i.cluster
  LEFT JOIN consumer_group g ON g.id = i.grp
  LEFT JOIN topic w ON w.id = i.topic`;
const SELECT = `${COLUMNS}${JOINS}`;

/** The latest first, by their last finding. Of a group's name: those of each cluster, merged. */
export function incidentPage(db: Store, filter: IncidentFilter): IncidentRow[] {
  const { group, cluster, limit } = filter;
  if (group === undefined) return pageOf(db, filter, null, undefined, limit);
  return mergedPage(
    groupRows(db, group, cluster),
    limit,
    (row, last, step) => pageOf(db, filter, row, last, step),
    (a, b) => isLater({ at: a.lastAt, id: a.id }, { at: b.lastAt, id: b.id }),
  );
}

function pageOf(
  db: Store,
  filter: IncidentFilter,
  group: number | null,
  last: IncidentRow | undefined,
  limit: number,
): IncidentRow[] {
  const after = last === undefined ? filter.after : { at: last.lastAt, id: last.id };
  // CROSS: the incidents first, whatever is thought of the small tables beside them.
  const sql = `${COLUMNS} INDEXED BY ${indexOf(filter, group)} CROSS ${JOINS.trimStart()}${where(
    group !== null && 'i.grp = @group',
    filter.cluster !== undefined && 'c.cluster_id = @cluster',
    filter.topic !== undefined &&
      'EXISTS (SELECT 1 FROM incident_place p JOIN topic t ON t.id = p.topic WHERE p.incident = i.id AND t.name = @topic)',
    filter.kind !== undefined && 'i.kind = @kind',
    filter.cause !== undefined && 'i.cause = @cause',
    filter.isOpen === true && 'i.last_at > @openSince',
    filter.isOpen === false && 'i.last_at <= @openSince',
    filter.since !== undefined && 'i.last_at >= @since',
    filter.until !== undefined && 'i.last_at < @until',
    after !== undefined && '(i.last_at, i.id) < (@afterAt, @afterId)',
  )} ORDER BY i.last_at DESC, i.id DESC LIMIT @limit`;
  return statement<IncidentRow>(db, sql).all({
    group,
    cluster: filter.cluster ?? null,
    topic: filter.topic ?? null,
    kind: filter.kind ?? null,
    cause: filter.cause ?? null,
    openSince: filter.now - INCIDENT_GAP_MS,
    since: filter.since ?? null,
    until: filter.until ?? null,
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    limit,
  });
}

function indexOf({ kind }: IncidentFilter, group: number | null): string {
  if (group !== null) return 'incident_by_group';
  return kind !== undefined ? 'incident_by_kind_time' : 'incident_by_time';
}

export function incidentById(db: Store, id: number): IncidentRow | undefined {
  return statement<IncidentRow>(db, `${SELECT} WHERE i.id = @id`).get({ id });
}

export interface IncidentPlaceRow {
  topic: string;
  topicId: string | null;
  partition: number;
  records: number;
}

/** Where its records stand, the most first. */
export function incidentPlaces(db: Store, incident: number, limit: number): IncidentPlaceRow[] {
  const sql = `
    SELECT t.name AS topic, t.topic_id AS topicId, p.partition, p.records
    FROM incident_place p JOIN topic t ON t.id = p.topic
    WHERE p.incident = @incident ORDER BY p.records DESC, t.name, p.partition LIMIT @limit`;
  return statement<IncidentPlaceRow>(db, sql).all({ incident, limit });
}

export interface OpenIncidentsRow {
  cluster: string;
  group: string | null;
  kind: IncidentKind;
  incidents: number;
}

/** How many are open now, by group and kind. */
export function openIncidents(db: Store, now: number): OpenIncidentsRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", i.kind, count(*) AS incidents
    FROM incident i JOIN cluster c ON c.id = i.cluster LEFT JOIN consumer_group g ON g.id = i.grp
    WHERE i.last_at > @openSince GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
  return statement<OpenIncidentsRow>(db, sql).all({ openSince: now - INCIDENT_GAP_MS });
}

/** Incidents made or changed after (version, id), in that order. */
export function incidentsAfter(
  db: Store,
  after: { version: number; id: number },
  upTo: number,
  limit: number,
): IncidentRow[] {
  const sql = `${SELECT} WHERE (i.version, i.id) > (@version, @id) AND i.version <= @upTo
    ORDER BY i.version, i.id LIMIT @limit`;
  return statement<IncidentRow>(db, sql).all({ ...after, upTo, limit });
}
