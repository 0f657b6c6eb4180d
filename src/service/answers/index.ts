/**
 * From questions to answers: each function reads the store's queries and shapes rows into what `schemas.ts` says.
 * The routes and the command line's embedded reports call the same functions, so both say the same.
 */
export type { AnswerContext } from './context';
export { duplicateShape, duplicatesAnswer, identityAnswer } from './duplicates';
export { groupAnswer, sessionsAnswer } from './group';
export { groupsAnswer } from './groups';
export { hitsAnswer, producersAnswer } from './hits';
export { incidentAnswer, incidentShape, incidentsAnswer } from './incidents';
export { prematuresAnswer, skipsAnswer, stalledAnswer } from './losses';
export { recordAnswer } from './record';
export { redeliveriesAnswer } from './redeliveries';
export { redeliveryShape } from './redelivery-shape';
export { rewindShape, rewindsAnswer } from './rewinds';
export { statusAnswer } from './status';
export { summaryAnswer } from './summary';
export { positionsAnswer, timelineAnswer } from './timeline';
export { timeseriesAnswer, totalsAnswer } from './timeseries';
export { sequenceAnomaliesAnswer, topicsAnswer } from './topics';
