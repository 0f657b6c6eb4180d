/** Up to which settled redelivery spans of findings were handed on: one row, made when that begins. */
export const up = `
CREATE TABLE finding_mark (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  settled_at REAL NOT NULL,
  redelivery INTEGER NOT NULL
) STRICT;

-- In the order in which they were settled.
CREATE INDEX redelivery_settled ON redelivery(explained_at, id) WHERE settled = 1;
`;
