/**
 * What charts and answers over a month read, at ten million findings.
 *
 * Minutes of what is found in topics and caught by checks, for charts: counting the rows of a month would read millions.
 * Triggers keep them, so that no writer can forget to; a row counts in the minute in which it was learnt. Hours are
 * kept of all minutes by triggers too: a month of 20 groups is 860,000 minutes.
 */
const HOURS = [
  ['rollup', 'grp, topic', ['deliveries', 'redeliveries', 'failed']],
  ['hit', 'grp, topic', ['hits']],
  ['duplicate', 'topic', ['duplicates', 'id_reuses']],
] as const;

function hourSql([name, key, counts]: (typeof HOURS)[number]): string {
  const columns = counts.map((count) => `${count} INTEGER NOT NULL`).join(', ');
  const row = (value: (count: string) => string) =>
    ['NEW.minute / 60', ...key.split(', ').map((part) => `NEW.${part}`), ...counts.map(value)].join(', ');
  const add = counts.map((count) => `${count} = ${count} + excluded.${count}`).join(', ');
  return `
CREATE TABLE ${name}_hour (
  hour INTEGER NOT NULL, ${key
    .split(', ')
    .map((part) => `${part} INTEGER NOT NULL`)
    .join(', ')}, ${columns},
  PRIMARY KEY (hour, ${key})
) STRICT, WITHOUT ROWID;
INSERT INTO ${name}_hour
  SELECT minute / 60, ${key}, ${counts.map((count) => `sum(${count})`).join(', ')} FROM ${name}_minute GROUP BY 1, ${key};
CREATE TRIGGER ${name}_minute_begins AFTER INSERT ON ${name}_minute BEGIN
  INSERT INTO ${name}_hour VALUES (${row((count) => `NEW.${count}`)}) ON CONFLICT DO UPDATE SET ${add};
END;
CREATE TRIGGER ${name}_minute_grows AFTER UPDATE ON ${name}_minute BEGIN
  INSERT INTO ${name}_hour VALUES (${row((count) => `NEW.${count} - OLD.${count}`)}) ON CONFLICT DO UPDATE SET ${add};
END;
`;
}

export const up = `
CREATE TABLE duplicate_minute (
  minute INTEGER NOT NULL,
  topic INTEGER NOT NULL REFERENCES topic(id),
  duplicates INTEGER NOT NULL,
  id_reuses INTEGER NOT NULL,
  PRIMARY KEY (minute, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE hit_minute (
  minute INTEGER NOT NULL,
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  topic INTEGER NOT NULL REFERENCES topic(id),
  hits INTEGER NOT NULL,
  PRIMARY KEY (minute, grp, topic)
) STRICT, WITHOUT ROWID;

INSERT INTO duplicate_minute
  SELECT CAST(found_at / 60000 AS INTEGER), topic, sum(kind = 'duplicate'), sum(kind = 'id_reuse')
  FROM duplicate WHERE kind <> 'intentional' GROUP BY 1, 2;
INSERT INTO hit_minute
  SELECT CAST(h.at / 60000 AS INTEGER), gp.grp, gp.topic, sum(h.last - h.first + 1)
  FROM idempotency_hit h JOIN group_partition gp ON gp.id = h.gp GROUP BY 1, 2, 3;

${HOURS.map(hourSql).join('')}
CREATE TRIGGER duplicate_counts AFTER INSERT ON duplicate WHEN NEW.kind <> 'intentional' BEGIN
  INSERT INTO duplicate_minute
  VALUES (CAST(NEW.found_at / 60000 AS INTEGER), NEW.topic, NEW.kind = 'duplicate', NEW.kind = 'id_reuse')
  ON CONFLICT DO UPDATE SET duplicates = duplicates + excluded.duplicates, id_reuses = id_reuses + excluded.id_reuses;
END;
CREATE TRIGGER hit_counts AFTER INSERT ON idempotency_hit BEGIN
  INSERT INTO hit_minute
  SELECT CAST(NEW.at / 60000 AS INTEGER), grp, topic, NEW.last - NEW.first + 1 FROM group_partition WHERE id = NEW.gp
  ON CONFLICT DO UPDATE SET hits = hits + excluded.hits;
END;
CREATE TRIGGER hit_grows AFTER UPDATE OF last ON idempotency_hit WHEN NEW.last > OLD.last BEGIN
  INSERT INTO hit_minute
  SELECT CAST(NEW.at / 60000 AS INTEGER), grp, topic, NEW.last - OLD.last FROM group_partition WHERE id = NEW.gp
  ON CONFLICT DO UPDATE SET hits = hits + excluded.hits;
END;

-- Covers how far apart copies came, which a group's answer reads of every redelivery of a month.
DROP INDEX redelivery_by_gp_time;
CREATE INDEX redelivery_by_gp_time ON redelivery(gp, at, id, previous_at, first, last, doubt);
`;
