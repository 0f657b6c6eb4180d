/** Rows for what facts are about: clusters, topics, groups, partitions of a group. Found or made, once each. */
import type { Store } from './open';

interface TopicRow {
  id: number;
  topic_id: string | null;
}

export class Dimensions {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      cluster: db.prepare<[string], { id: number }>(
        'INSERT INTO cluster (cluster_id) VALUES (?) ON CONFLICT DO UPDATE SET cluster_id = cluster_id RETURNING id',
      ),
      topics: db.prepare<[number, string], TopicRow>(
        'SELECT id, topic_id FROM topic WHERE cluster = ? AND name = ? ORDER BY id DESC',
      ),
      adopt: db.prepare<[string, number]>('UPDATE topic SET topic_id = ? WHERE id = ?'),
      addTopic: db.prepare<[number, string, string | null, number], { id: number }>(
        'INSERT INTO topic (cluster, name, topic_id, first_seen_at) VALUES (?, ?, ?, ?) RETURNING id',
      ),
      group: db.prepare<[number, string], { id: number }>(
        'INSERT INTO consumer_group (cluster, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = name RETURNING id',
      ),
      groupPartition: db.prepare<[number, number, number], { id: number }>(
        `INSERT INTO group_partition (grp, topic, partition) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET partition = partition RETURNING id`,
      ),
      findGroupPartition: db.prepare<[number, number, number], { id: number }>(
        'SELECT id FROM group_partition WHERE grp = ? AND topic = ? AND partition = ?',
      ),
    };
  }

  cluster(clusterId: string): number {
    return (this.statements.cluster.get(clusterId) as { id: number }).id;
  }

  group(cluster: number, name: string): number {
    return (this.statements.group.get(cluster, name) as { id: number }).id;
  }

  /**
   * The topic of that name and id. Where the id is not known the newest topic of the name is meant; a topic that
   * was first seen without an id is given it as soon as one is told.
   */
  topic(cluster: number, name: string, topicId: string | null, at: number): number {
    const rows = this.statements.topics.all(cluster, name);
    const found = topicId === null ? rows[0] : rows.find((row) => row.topic_id === topicId);
    if (found !== undefined) return found.id;
    const nameless = rows.find((row) => row.topic_id === null);
    if (nameless !== undefined && topicId !== null) {
      this.statements.adopt.run(topicId, nameless.id);
      return nameless.id;
    }
    return (this.statements.addTopic.get(cluster, name, topicId, at) as { id: number }).id;
  }

  groupPartition(group: number, topic: number, partition: number): number {
    const found = this.statements.findGroupPartition.get(group, topic, partition);
    return (found ?? (this.statements.groupPartition.get(group, topic, partition) as { id: number })).id;
  }
}
