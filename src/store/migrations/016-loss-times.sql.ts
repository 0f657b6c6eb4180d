/**
 * The latest premature commits and skips of few names among many are found place by place, as redeliveries are. Through
 * v_losses, which is both at once, SQLite reads all of them for each place.
 */
export const up = `
CREATE INDEX skip_by_place ON skip(gp, at);

CREATE VIEW v_premature_commits AS
SELECT gp AS place, first AS first_offset, last AS last_offset, last - first + 1 AS records, outcome AS why, incident,
       at AS at_ms
FROM premature_commit;

CREATE VIEW v_skips AS
SELECT gp AS place, first AS first_offset, last AS last_offset, last - first + 1 AS records, cause AS why, incident,
       at AS at_ms
FROM skip;
`;
