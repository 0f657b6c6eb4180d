/**
 * What the Evidence dashboard asks the store. The data source opens the file anew for each query, and the store may
 * hold millions of findings: every statement follows an index and stops. `at_ms` is what views filter and sort by;
 * the latest of a few names are found place by place, LATEST of each, by the views that join nothing.
 */
import type { cog } from './sdk';

/** Rows a table shows, and rows looked at in each place. */
const LATEST = 100;

/** A name is chosen, or all are: '*' is what the variables give for All. */
const chosen = (column: string, variable: string) =>
  `('*' IN (\${${variable}:sqlstring}) OR ${column} IN (\${${variable}:sqlstring}))`;

const PLACES = `SELECT place FROM v_places WHERE ${chosen('cluster', 'cluster')} AND ${chosen('"group"', 'group')} AND ${chosen('topic', 'topic')}`;
const TOPICS = `SELECT topic_id FROM v_topics WHERE observed = 1 AND ${chosen('cluster', 'cluster')} AND ${chosen('topic', 'topic')}`;
const IN_RANGE = 'at_ms BETWEEN $__from AND $__to';

export const VARIABLES = {
  cluster: 'SELECT DISTINCT cluster FROM v_topics ORDER BY 1',
  group: `SELECT DISTINCT "group" FROM v_places WHERE ${chosen('cluster', 'cluster')} ORDER BY 1 LIMIT 1000`,
  topic: `SELECT DISTINCT topic FROM v_topics WHERE ${chosen('cluster', 'cluster')} ORDER BY 1 LIMIT 1000`,
};

export const INCIDENTS = `SELECT last_time AS time, id, kind, cause, certainty, cluster, "group", topic, findings, records,
       gap_max_seconds AS longest_gap, because, advice
FROM v_incidents
WHERE ${IN_RANGE} AND ${chosen('cluster', 'cluster')}
  AND ("group" IS NULL OR ${chosen('"group"', 'group')}) AND (topic IS NULL OR ${chosen('topic', 'topic')})
ORDER BY at_ms DESC, id DESC LIMIT ${LATEST}`;

/** Of one place or topic, the time of the last row that can be among the LATEST of all. */
const since = (view: string, key: string) => `coalesce(
    (SELECT x.at_ms FROM ${view} x WHERE x.${key} = p.${key} AND x.${IN_RANGE}
     ORDER BY x.at_ms DESC LIMIT 1 OFFSET ${LATEST - 1}), $__from)`;

export const REDELIVERIES = `WITH latest AS (
  SELECT t.id FROM (${PLACES}) p
  CROSS JOIN v_redelivery_times t ON t.place = p.place AND t.at_ms <= $__to
    AND t.at_ms >= ${since('v_redelivery_times', 'place')}
  ORDER BY t.at_ms DESC, t.id DESC LIMIT ${LATEST})
SELECT r.time, r.cluster, r."group", r.topic, r.partition, r.first_offset, r.records, r.attempt, r.cause, r.certainty,
       r.gap_seconds AS gap, r.client_id AS to_client, r.host AS to_host, r.outcome, r.previous_host AS before_host,
       r.previous_outcome AS before_outcome, r.because, r.advice, r.incident
FROM latest CROSS JOIN v_redeliveries r ON r.id = latest.id
ORDER BY r.at_ms DESC, r.id DESC`;

export const DUPLICATES = `WITH latest AS (
  SELECT t.id FROM (${TOPICS}) p
  CROSS JOIN v_duplicate_times t ON t.topic_id = p.topic_id AND t.at_ms <= $__to
    AND t.at_ms >= ${since('v_duplicate_times', 'topic_id')}
  ORDER BY t.at_ms DESC, t.id DESC LIMIT ${LATEST})
SELECT d.time, d.cluster, d.topic, d.kind, d.partition, d."offset" AS first_offset, d.first_partition, d.first_offset AS first_copy,
       d.copies, d.delay_seconds AS delay, d.cause, d.certainty, coalesce(d.identity, d.identity_hash) AS identity,
       d.identity_source, d.because, d.advice, d.incident
FROM latest CROSS JOIN v_duplicates d ON d.id = latest.id
ORDER BY d.at_ms DESC, d.id DESC`;

export const HITS = `WITH latest AS (
  SELECT t.session, t.run, t.first_offset FROM (${PLACES}) p
  CROSS JOIN v_hit_times t ON t.place = p.place AND t.at_ms <= $__to
    AND t.at_ms >= ${since('v_hit_times', 'place')}
  ORDER BY t.at_ms DESC LIMIT ${LATEST})
SELECT h.time, h.cluster, h."group", h.topic, h.partition, h.first_offset, h.records, h.age_seconds AS age,
       h.window_seconds AS window, h.client_id AS by_client, h.host AS by_host
FROM latest CROSS JOIN v_hits h
  ON h.session = latest.session AND h.run = latest.run AND h.first_offset = latest.first_offset
ORDER BY h.at_ms DESC`;

/** Not by v_losses: of a union in a join, SQLite reads all rows for each place. */
const latestLosses = (kind: string, view: string) => `SELECT * FROM (
    SELECT '${kind}' AS kind, t.* FROM (${PLACES}) p
    CROSS JOIN ${view} t ON t.place = p.place AND t.at_ms <= $__to AND t.at_ms >= ${since(view, 'place')}
    ORDER BY t.at_ms DESC LIMIT ${LATEST})`;

export const LOSSES = `WITH latest AS (
  ${latestLosses('premature_commit', 'v_premature_commits')}
  UNION ALL
  ${latestLosses('skip', 'v_skips')}
  ORDER BY at_ms DESC LIMIT ${LATEST})
SELECT l.at_ms / 1000.0 AS time, l.kind, p.cluster, p."group", p.topic, p.partition, l.first_offset, l.records, l.why, l.incident
FROM latest l JOIN v_places p ON p.place = l.place
ORDER BY l.at_ms DESC`;

/** A stretch holds 65,536 records at most, so no run that begins earlier reaches the record. */
const RUN_RECORDS = 65_536;
const NUMBER = (variable: string) => `CAST(\${${variable}:sqlstring} AS INTEGER)`;

export const RECORD = `WITH asked AS (
  SELECT place FROM v_places
  WHERE topic = trim(\${record_topic:sqlstring}) AND partition = ${NUMBER('record_partition')}
    AND ${chosen('cluster', 'cluster')})
SELECT time, 'delivered' AS what, cluster, "group", client_id AS client, host, pid,
       CASE WHEN handled_below > ${NUMBER('record_offset')} THEN 'handled' ELSE outcome END AS how, error AS words
FROM asked a CROSS JOIN v_deliveries d ON d.place = a.place
  AND d.first_offset BETWEEN ${NUMBER('record_offset')} - ${RUN_RECORDS} AND ${NUMBER('record_offset')}
WHERE d.last_offset >= ${NUMBER('record_offset')}
UNION ALL
SELECT r.time, 'delivered again, attempt ' || r.attempt, r.cluster, r."group", r.client_id, r.host, r.pid, r.cause, r.because
FROM asked a
CROSS JOIN v_redelivery_times x ON x.place = a.place
  AND x.first_offset BETWEEN ${NUMBER('record_offset')} - ${RUN_RECORDS} AND ${NUMBER('record_offset')}
CROSS JOIN v_redeliveries r ON r.id = x.id
WHERE x.last_offset >= ${NUMBER('record_offset')}
UNION ALL
SELECT h.time, 'recognised by its check', h.cluster, h."group", h.client_id, h.host, h.pid, 'hit', NULL
FROM asked a CROSS JOIN v_hits h ON h.place = a.place
  AND h.first_offset BETWEEN ${NUMBER('record_offset')} - ${RUN_RECORDS} AND ${NUMBER('record_offset')}
WHERE h.last_offset >= ${NUMBER('record_offset')}
UNION ALL
SELECT d.record_time, 'written again: a copy of partition ' || d.first_partition || ' offset ' || d.first_offset,
       d.cluster, NULL, NULL, NULL, NULL, d.cause, d.because
FROM v_topics t CROSS JOIN v_duplicates d ON d.topic_id = t.topic_id
WHERE t.topic = trim(\${record_topic:sqlstring}) AND d.partition = ${NUMBER('record_partition')}
  AND d."offset" = ${NUMBER('record_offset')} AND ${chosen('t.cluster', 'cluster')}
ORDER BY time LIMIT ${LATEST}`;

interface SqliteQuery extends cog.Dataquery {
  queryText: string;
  /** The plugin keeps both; variables are put into this one. */
  rawQueryText: string;
  queryType: 'table' | 'time series';
  timeColumns: string[];
}

/** @param timeColumns unix seconds */
export function asks(sql: string, timeColumns = ['time']): cog.Builder<cog.Dataquery> {
  const query: SqliteQuery = {
    _implementsDataqueryVariant() {},
    dataqueryName: () => 'frser-sqlite-datasource',
    queryText: sql,
    rawQueryText: sql,
    queryType: 'table',
    timeColumns,
  } as SqliteQuery;
  return { build: () => query };
}
