/**
 * Duplicates that groups were given. The copies of one message are found by its first place and their number, so that
 * of a message that was written a million times a part is read at a time.
 *
 * delivered_delay: how long after the first copy those came that a group was given, by day: what its check would have to
 * remember. Buckets as identity/delay.ts numbers them.
 */
export const up = `
DROP INDEX duplicate_by_first;
CREATE INDEX duplicate_by_first ON duplicate(topic, first_partition, first_offset, copies);

CREATE TABLE delivered_delay (
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  day INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  records INTEGER NOT NULL,
  longest_ms REAL NOT NULL,
  PRIMARY KEY (grp, day, bucket)
) STRICT, WITHOUT ROWID;
`;
