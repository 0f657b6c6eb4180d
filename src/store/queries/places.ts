/** Names to ids: which group partitions does a filter mean? These tables are small: a row a partition and group. */
import type { Store } from '../open';
import { statement, where } from './statement';

export interface PlaceFilter {
  cluster?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
}

export interface PlaceRow {
  gp: number;
  cluster: string;
  groupId: number;
  group: string;
  topicRow: number;
  topic: string;
  topicId: string | null;
  partition: number;
}

/** Every group partition that the filter means, in the order of names. */
export function placesOf(db: Store, filter: PlaceFilter): PlaceRow[] {
  const sql = `
    SELECT gp.id AS gp, c.cluster_id AS cluster, g.id AS groupId, g.name AS "group", t.id AS topicRow,
           t.name AS topic, t.topic_id AS topicId, gp.partition
    FROM group_partition gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    ${where(
      filter.cluster !== undefined && 'c.cluster_id = @cluster',
      filter.group !== undefined && 'g.name = @group',
      filter.topic !== undefined && 't.name = @topic',
      filter.partition !== undefined && 'gp.partition = @partition',
    )}
    ORDER BY c.cluster_id, g.name, t.name, t.first_seen_at, gp.partition`;
  return statement<PlaceRow>(db, sql).all({
    cluster: filter.cluster ?? null,
    group: filter.group ?? null,
    topic: filter.topic ?? null,
    partition: filter.partition ?? null,
  });
}

/** Does the filter leave anything out? */
export function isFiltered(filter: PlaceFilter): boolean {
  return [filter.cluster, filter.group, filter.topic, filter.partition].some((value) => value !== undefined);
}

export interface TopicRow {
  id: number;
  cluster: string;
  name: string;
  topicId: string | null;
  firstSeenAt: number;
}

/** The topics of that name: one a cluster and topic id, as a recreated topic is another one. */
export function topicsNamed(db: Store, name: string, cluster: string | undefined): TopicRow[] {
  const sql = `
    SELECT t.id, c.cluster_id AS cluster, t.name, t.topic_id AS topicId, t.first_seen_at AS firstSeenAt
    FROM topic t JOIN cluster c ON c.id = t.cluster
    ${where('t.name = @name', cluster !== undefined && 'c.cluster_id = @cluster')}
    ORDER BY c.cluster_id, t.first_seen_at, t.id`;
  return statement<TopicRow>(db, sql).all({ name, cluster: cluster ?? null });
}

/** Row ids of the topics that the filter means. */
export function topicRows(
  db: Store,
  { cluster, topic }: { cluster?: string | undefined; topic?: string | undefined },
): number[] {
  const sql = `
    SELECT t.id FROM topic t JOIN cluster c ON c.id = t.cluster
    ${where(topic !== undefined && 't.name = @topic', cluster !== undefined && 'c.cluster_id = @cluster')}
    ORDER BY t.id`;
  return statement<{ id: number }>(db, sql)
    .all({ topic: topic ?? null, cluster: cluster ?? null })
    .map(({ id }) => id);
}

/** Row ids of the consumer groups of that name, one a cluster. */
export function groupRows(db: Store, name: string, cluster: string | undefined): number[] {
  const sql = `
    SELECT g.id FROM consumer_group g JOIN cluster c ON c.id = g.cluster
    ${where('g.name = @name', cluster !== undefined && 'c.cluster_id = @cluster')} ORDER BY g.id`;
  return statement<{ id: number }>(db, sql)
    .all({ name, cluster: cluster ?? null })
    .map(({ id }) => id);
}

/** All topic names, for suggestions. */
export function topicNames(db: Store): string[] {
  return statement<{ name: string }>(db, 'SELECT DISTINCT name FROM topic ORDER BY name LIMIT 10000')
    .all({})
    .map((row) => row.name);
}

/** How many topics have no id, so that a recreated one cannot be told from the one before. */
export function topicsWithoutId(db: Store): number {
  const sql = 'SELECT count(*) AS topics FROM topic WHERE topic_id IS NULL';
  return statement<{ topics: number }>(db, sql).get({})?.topics ?? 0;
}

/** Names of a cluster's topics by their ids, as far as these are known. */
export function topicNamesById(db: Store, cluster: string): ReadonlyMap<string, string> {
  const sql = `
    SELECT t.topic_id AS id, t.name FROM topic t JOIN cluster c ON c.id = t.cluster
    WHERE c.cluster_id = @cluster AND t.topic_id IS NOT NULL`;
  const rows = statement<{ id: string; name: string }>(db, sql).all({ cluster });
  return new Map(rows.map(({ id, name }) => [id, name]));
}
