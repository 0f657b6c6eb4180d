/**
 * A store with many findings, by SQL into the store's own tables: rows first, then the indexes again, as building an
 * index of sorted rows is many times faster than growing it. Half redeliveries, half duplicates, over 30 days.
 */
const Database = require('better-sqlite3');
const { openStore } = require('../dist/store/open');

const GROUPS = 20;
/** Groups of a second cluster that deliver a little every hour, nothing twice. */
const QUIET_GROUPS = 480;
const PARTITIONS = 10;
const DAYS = 30;
const INCIDENT_FINDINGS = 500;
const REDELIVERY_CAUSES = ['session_timeout', 'rebalance_before_commit', 'killed_before_commit', 'seek'];
const DUPLICATE_CAUSES = ['resent', 'producer_restart', 'outbox_relay', 'replay'];
const LARGE = ['redelivery', 'delivery_run', 'duplicate'];

/** @param findings how many; 10M take 3 to 4 GB */
function makeStore(path, findings, now = Date.now()) {
  openStore(path).close();
  const db = new Database(path);
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -200000');
  db.pragma('temp_store = MEMORY');
  const indexes = db
    .prepare(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN (${LARGE.map(() => '?')})`,
    )
    .all(...LARGE);
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of indexes) db.exec(`DROP INDEX ${name}`);
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  const half = Math.floor(findings / 2);
  const begin = now - DAYS * 86_400_000;
  const step = (now - 5_000 - begin) / half;
  dimensions(db, now);
  redeliveries(db, half, begin, step);
  duplicates(db, half, begin, step);
  rollups(db, begin, now, half);
  for (const { sql } of [...indexes, ...triggers]) db.exec(sql);
  db.exec(`UPDATE change SET version = ${half + 10}; ANALYZE`);
  db.pragma('journal_mode = WAL');
  db.close();
}

const numbers = (count) =>
  `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`;
const causeOf = (causes) =>
  `CASE i / ${INCIDENT_FINDINGS} % 4 ${causes.map((cause, k) => `WHEN ${k} THEN '${cause}'`).join(' ')} END`;

function dimensions(db, now) {
  db.exec("INSERT INTO cluster (id, cluster_id) VALUES (1, 'bench'), (2, 'quiet')");
  for (let topic = 1; topic <= 2; topic++) {
    db.prepare('INSERT INTO topic (id, cluster, name, topic_id, first_seen_at) VALUES (?, 1, ?, ?, 0)').run(
      topic,
      `orders-${topic}`,
      String(topic).repeat(32),
    );
  }
  db.exec(`
    INSERT INTO topic (id, cluster, name, topic_id, first_seen_at) VALUES (3, 2, 'orders-1', '${'3'.repeat(32)}', 0);
    ${numbers(QUIET_GROUPS)} INSERT INTO consumer_group (id, cluster, name) SELECT i + 1001, 2, 'quiet-' || i FROM n;
    ${numbers(QUIET_GROUPS)} INSERT INTO session (id, key, journal, grp, host, pid, boot_id, client_id, version, settings,
        started_at, last_seen_at)
      SELECT i + 1001, 'q' || i, 'j' || i, i + 1001, 'host-' || i, 100 + i, 'boot', 'client-' || i, '0.1.0', '{}',
             ${now - DAYS * 86_400_000}, ${now} FROM n;
    ${numbers(QUIET_GROUPS)} INSERT INTO group_partition (id, grp, topic, partition, deliveries)
      SELECT i + 1001, i + 1001, 3, 0, 7200 FROM n;
    ${numbers(GROUPS)} INSERT INTO consumer_group (id, cluster, name) SELECT i + 1, 1, 'group-' || i FROM n;
    ${numbers(GROUPS)} INSERT INTO session (id, key, journal, grp, host, pid, boot_id, client_id, version, settings,
        started_at, last_seen_at)
      SELECT i + 1, 's' || i, 'j' || i, i + 1, 'host-' || i, 100 + i, 'boot', 'client-' || i, '0.1.0', '{}',
             ${now - DAYS * 86_400_000}, ${now} FROM n;
    ${numbers(GROUPS * PARTITIONS)} INSERT INTO group_partition (id, grp, topic, partition, deliveries, redeliveries)
      SELECT i + 1, i / ${PARTITIONS} + 1, 1, i % ${PARTITIONS}, 1000000, 10000 FROM n;
    ${numbers(GROUPS * PARTITIONS)} INSERT INTO position (gp, session, next, handled, committed, exposed_since, updated_at)
      SELECT i + 1, i / ${PARTITIONS} + 1, 5000000, 5000000, 4999900, ${now - 2_000}, ${now} FROM n;`);
}

/** Row i is of the partition i % places; two runs and a redelivery each 20 offsets of it. */
function redeliveries(db, count, begin, step) {
  const places = GROUPS * PARTITIONS;
  const at = `${begin} + i * ${step}`;
  const session = `i % ${places} / ${PARTITIONS} + 1`;
  db.exec(`
    ${numbers(count)} INSERT INTO delivery_run
        (gp, session, run, first, last, handled, uncertain_last, first_at, last_at, outcome)
      SELECT 1 + i % ${places}, ${session}, i, i / ${places} * 10, i / ${places} * 10 + 9, i / ${places} * 10 + 10,
             i / ${places} * 10 + 9, ${at}, ${at} + 500, 'handled' FROM n;
    ${numbers(count)} INSERT INTO redelivery
        (gp, run, previous_run, first, last, attempt, doubt, at, previous_at, version, cause, certainty, because,
         settled, counted, incident, incident_records)
      SELECT 1 + i % ${places}, i + 1, max(1, i - ${places} + 1), i / ${places} * 10, i / ${places} * 10 + 9, 2,
             i % 1000 = 0, ${at}, ${at} - 5000, i + 1, ${causeOf(REDELIVERY_CAUSES)}, 'proven', '["seen"]', 1, 10,
             1 + i / ${INCIDENT_FINDINGS}, 10 FROM n;
    ${numbers(Math.ceil(count / INCIDENT_FINDINGS))} INSERT INTO incident
        (id, kind, cause, cluster, grp, first_at, last_at, findings, records, gap_max_ms, certainty, because, advice, version)
      SELECT i + 1, 'redelivery', CASE i % 4 ${REDELIVERY_CAUSES.map((cause, k) => `WHEN ${k} THEN '${cause}'`).join(' ')} END,
             1, 1 + i % ${GROUPS}, ${begin} + i * ${step * INCIDENT_FINDINGS},
             ${begin} + (i + 1) * ${step * INCIDENT_FINDINGS}, ${INCIDENT_FINDINGS}, ${INCIDENT_FINDINGS * 10}, 5000,
             'proven', '["seen"]', 'change it', i + 1 FROM n;
    INSERT INTO incident_place (incident, topic, partition, records)
      SELECT i.id, 1, p.value, 500 FROM incident i, json_each('[0,1,2,3,4,5,6,7,8,9]') p;`);
}

function duplicates(db, count, begin, step) {
  const at = `${begin} + i * ${step}`;
  const evidence = JSON.stringify({
    first: { partition: 0, offset: 0, at: begin, producer: null, transactional: false },
    copy: { partition: 0, offset: 1, at: begin, producer: null, transactional: false },
  });
  db.exec(`
    INSERT INTO copy_run (id, topic, partition, shape, updated_at) VALUES (1, 2, 0, '{}', ${begin});
    ${numbers(count)} INSERT INTO duplicate
        (topic, kind, hash, identity, source, payload, partition, record_offset, at, previous_partition,
         previous_offset, previous_at, first_partition, first_offset, first_at, copies, delay_ms, found_at, run,
         evidence, cause, certainty, because, advice, settled, version)
      SELECT 2, 'duplicate', unhex(printf('%032x', i)), 'order-' || i, 'message-id', 1, i % 4, i + 1000000, ${at},
             i % 4, i, ${at} - 60000, i % 4, i, ${at} - 60000, 2, 60000, ${at}, 1, '${evidence}',
             ${causeOf(DUPLICATE_CAUSES)}, 'proven', '["seen"]', NULL, 1, i FROM n;
    INSERT INTO observed_topic (topic, records, duplicates, longest_delay_ms) VALUES (2, ${count * 10}, ${count}, 60000);
    INSERT INTO identity_found (topic, source, records) VALUES (2, 'message-id', ${count * 10});
    INSERT INTO observer_offset VALUES (2, 0, ${count}, 'live', ${begin}, ${begin});
    ${DUPLICATE_CAUSES.map((cause) => `INSERT INTO duplicate_total VALUES (2, 'duplicate', '${cause}', ${Math.floor(count / 4)});`).join('\n')}
    INSERT INTO duplicate_delay VALUES (2, 550, ${count});`);
}

function rollups(db, begin, now, count) {
  const [first, last] = [Math.floor(begin / 60_000), Math.floor(now / 60_000)];
  const minutes = last - first;
  const each = Math.ceil((count * 10) / minutes / GROUPS);
  db.exec(`
    ${numbers(minutes)} INSERT INTO rollup_minute (grp, topic, minute, deliveries, redeliveries, failed)
      SELECT g.id, 1, ${first} + i, 5000, ${each}, 0 FROM n, consumer_group g WHERE g.cluster = 1 ORDER BY i, g.id;
    ${numbers(minutes)} INSERT INTO hit_minute (minute, grp, topic, hits)
      SELECT ${first} + i, g.id, 1, ${Math.floor(each * 0.9)} FROM n, consumer_group g WHERE g.cluster = 1 ORDER BY i, g.id;
    ${numbers(minutes)} INSERT INTO duplicate_minute (minute, topic, duplicates, id_reuses)
      SELECT ${first} + i, 2, ${Math.ceil(count / minutes)}, 0 FROM n;
    ${numbers(Math.floor(minutes / 60))} INSERT INTO rollup_minute (grp, topic, minute, deliveries, redeliveries, failed)
      SELECT g.id, 3, ${first} + i * 60, 10, 0, 0 FROM n, consumer_group g WHERE g.cluster = 2 ORDER BY i, g.id;
    INSERT INTO rollup_hour SELECT minute / 60, grp, topic, sum(deliveries), sum(redeliveries), sum(failed)
      FROM rollup_minute GROUP BY 1, 2, 3;
    INSERT INTO hit_hour SELECT minute / 60, grp, topic, sum(hits) FROM hit_minute GROUP BY 1, 2, 3;
    INSERT INTO duplicate_hour SELECT minute / 60, topic, sum(duplicates), sum(id_reuses)
      FROM duplicate_minute GROUP BY 1, 2;`);
}

module.exports = { makeStore };
