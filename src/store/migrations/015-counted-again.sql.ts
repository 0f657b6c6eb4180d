/**
 * What /metrics counts of copies that were applied again, or perhaps were. The account itself (`applied_again`,
 * `perhaps_again`) is right at each moment and so may go down: a journal found late tells that the check recognised a
 * copy, or that a commit in doubt took place. A counter must not: it keeps the most that was ever told.
 */
export const up = `
ALTER TABLE group_partition ADD COLUMN applied_again_counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_partition ADD COLUMN perhaps_again_counted INTEGER NOT NULL DEFAULT 0;
UPDATE group_partition SET applied_again_counted = applied_again, perhaps_again_counted = perhaps_again;
CREATE TRIGGER again_counted AFTER UPDATE OF applied_again, perhaps_again ON group_partition
WHEN NEW.applied_again > NEW.applied_again_counted OR NEW.perhaps_again > NEW.perhaps_again_counted BEGIN
  UPDATE group_partition SET applied_again_counted = max(applied_again_counted, applied_again),
    perhaps_again_counted = max(perhaps_again_counted, perhaps_again) WHERE id = NEW.id;
END;

-- hits + applied_again + failed_again + (in a handler now) = redeliveries + duplicates_delivered; perhaps_again are those
-- of failed_again that were in flight at a kill.
DROP VIEW v_groups;
CREATE VIEW v_groups AS
SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition,
       gp.deliveries, gp.redeliveries, gp.failed, gp.in_flight, gp.uncertain,
       gp.hits, gp.applied_again, gp.perhaps_again, gp.failed_again, gp.duplicates_delivered
FROM group_partition gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;
`;
