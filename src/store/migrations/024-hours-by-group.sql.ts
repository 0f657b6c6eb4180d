/** The hours of each group together, with what they count: a month of hundreds of groups is added up without sorting it. */
export const up = `
CREATE INDEX rollup_hour_by_group ON rollup_hour(grp, hour, deliveries, redeliveries, failed);
`;
