/** Incidents over rewinds, duplicates and id reuse too. */
export const up = `
ALTER TABLE rewind ADD COLUMN incident INTEGER;
ALTER TABLE rewind ADD COLUMN incident_records INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rewind_by_incident ON rewind(incident, at, id) WHERE incident IS NOT NULL;

-- Each stands there as one record. Intentional copies stand in none.
ALTER TABLE duplicate ADD COLUMN incident INTEGER;
CREATE INDEX duplicate_by_incident ON duplicate(incident, found_at, id) WHERE incident IS NOT NULL;
CREATE INDEX duplicate_by_identity ON duplicate(identity) WHERE identity IS NOT NULL;
`;
