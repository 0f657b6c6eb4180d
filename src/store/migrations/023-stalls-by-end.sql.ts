/** Stalled commits by their end: those that began before a time and reach into it are found without all before them. */
export const up = `
CREATE INDEX stalled_by_end ON stalled_commit(ended_at, since);
`;
