/**
 * In which order topics came to be observed, and groups to be watched. A topic or a group may long be known otherwise
 * before that: by its own number it would come in between those that /metrics tells by name, and one of them would go.
 */
export const up = `
CREATE TABLE first_observed (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL UNIQUE REFERENCES topic(id)) STRICT;
INSERT INTO first_observed (topic) SELECT DISTINCT topic FROM observer_offset ORDER BY topic;
CREATE TRIGGER topic_observed AFTER INSERT ON observer_offset
WHEN NOT EXISTS (SELECT 1 FROM first_observed WHERE topic = NEW.topic) BEGIN
  INSERT INTO first_observed (topic) VALUES (NEW.topic);
END;

CREATE TABLE first_watched (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL UNIQUE REFERENCES consumer_group(id)
) STRICT;
INSERT INTO first_watched (grp) SELECT grp FROM rebalance_total ORDER BY grp;
CREATE TRIGGER group_watched AFTER INSERT ON rebalance_total
WHEN NOT EXISTS (SELECT 1 FROM first_watched WHERE grp = NEW.grp) BEGIN
  INSERT INTO first_watched (grp) VALUES (NEW.grp);
END;
`;
