import { fail } from '../../errors';
import { INCIDENT_GAP_MS, INCIDENT_KINDS, incidentWords, stateOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  duplicatePage,
  type IncidentRow,
  incidentById,
  incidentPage,
  incidentPlaces,
  prematurePage,
  redeliveryById,
  redeliveryPage,
  rewindPage,
  skipPage,
  stalledPage,
} from '../../store/queries';
import { ofList, type Query } from '../parameters';
import type { Incident, IncidentDetail, Page } from '../schemas';
import { rfc3339, seconds } from '../time';
import type { AnswerContext } from './context';
import { duplicateShape } from './duplicates';
import { prematureShape, skipShape, stalledShape } from './losses';
import { findingPages } from './pages';
import { redeliveryShape } from './redelivery-shape';
import { rewindShape } from './rewinds';

const PLACES_SHOWN = 1_000;
const FINDINGS_SHOWN = 20;

type IncidentsQuery = Query<
  'cluster' | 'group' | 'topic' | 'kind' | 'state' | 'since' | 'until' | 'limit' | 'cursor'
>;

/** The latest first, by their last finding. */
export function incidentsAnswer(db: Store, query: IncidentsQuery, context: AnswerContext): Page<Incident> {
  return findingPages(
    'incidents',
    query,
    context,
    (page) =>
      incidentPage(db, {
        ...page,
        cluster: query.cluster,
        group: query.group,
        topic: query.topic,
        kind: ofList('kind', query.kind, INCIDENT_KINDS),
        isOpen: query.state === undefined ? undefined : query.state === 'open',
        now: context.now,
      }),
    (row) => row.lastAt,
    (row) => incidentShape(row, context.now),
  );
}

export function incidentAnswer(db: Store, id: number, context: AnswerContext): IncidentDetail {
  const row = incidentById(db, id);
  if (row === undefined) {
    return fail(
      'not-found',
      `There is no incident ${id}: it is past its retention, was joined to another one, or never was. See /v1/incidents.`,
    );
  }
  const latest = { incident: id, limit: FINDINGS_SHOWN };
  const redeliveries = redeliveryPage(db, { ...latest, places: null });
  return {
    ...incidentShape(row, context.now),
    places: incidentPlaces(db, id, PLACES_SHOWN).map(({ topic, topicId, partition, records }) => ({
      topic,
      topic_id: topicId,
      partition,
      records,
    })),
    redeliveries: redeliveries
      .map((one) => redeliveryById(db, one.id))
      .filter((one) => one !== undefined)
      .map(redeliveryShape),
    rewinds: rewindPage(db, { ...latest, places: null }).map(rewindShape),
    duplicates: duplicatePage(db, latest).map(duplicateShape),
    premature_commits: prematurePage(db, latest).map(prematureShape),
    skips: skipPage(db, latest).map(skipShape),
    stalled_commits: stalledPage(db, latest).map(stalledShape),
  };
}

export function incidentShape(row: IncidentRow, now: number): Incident {
  const topics = JSON.parse(row.topics) as string[];
  const state = stateOf(row, now);
  return {
    id: row.id,
    version: row.version,
    kind: row.kind,
    cause: row.cause,
    certainty: row.certainty,
    state,
    words: incidentWords({ ...row, topics, who: row.group ?? row.topic ?? row.cluster }),
    cluster: row.cluster,
    group: row.group,
    topics,
    partitions: row.partitions,
    records: row.records,
    findings: row.findings,
    opened_at: rfc3339(row.firstAt),
    last_at: rfc3339(row.lastAt),
    closed_at: state === 'closed' ? rfc3339(row.lastAt + INCIDENT_GAP_MS) : null,
    gap_max_seconds: seconds(row.gapMaxMs),
    because: JSON.parse(row.because) as string[],
    advice: row.advice,
  };
}
