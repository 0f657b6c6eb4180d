/**
 * Up to which findings were handed on as spans, by stream (see `store/settled`). What is settled by time has its mark in
 * unix ms; what changes no more once it is written, in versions. The mark of redeliveries goes on where it stood.
 */
export const up = `
CREATE TABLE finding_span_mark (
  stream TEXT PRIMARY KEY,
  point REAL NOT NULL,
  id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO finding_span_mark SELECT 'redelivery', settled_at, redelivery FROM finding_mark;
DROP TABLE finding_mark;

-- In the order in which they were settled, or found.
CREATE INDEX rewind_settled ON rewind(explained_at, id) WHERE settled = 1;
CREATE INDEX duplicate_settled ON duplicate(version, id) WHERE settled = 1;
CREATE INDEX premature_by_version ON premature_commit(version, id);
CREATE INDEX skip_by_version ON skip(version, id);
`;
