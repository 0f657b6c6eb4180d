/**
 * Groups that are seen by their commits alone count as watched too: one order for all that /metrics tells of groups as
 * they are seen from outside. By their own numbers they would come after every group that is watched, and one that
 * begins to be watched would take the place of one that was told by name.
 */
export const up = `
INSERT INTO first_watched (grp)
  SELECT grp FROM commit_total WHERE grp NOT IN (SELECT grp FROM first_watched) ORDER BY grp;
CREATE TRIGGER group_committed AFTER INSERT ON commit_total
WHEN NOT EXISTS (SELECT 1 FROM first_watched WHERE grp = NEW.grp) BEGIN
  INSERT INTO first_watched (grp) VALUES (NEW.grp);
END;
`;
