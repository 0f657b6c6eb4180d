/**
 * What readers ask the store: one statement a function, its row type beside it. Every function takes a handle of
 * `openReader` and answers rows with the store's own units: unix milliseconds, inclusive offsets. The shapes that
 * people see are made from them in `service/`.
 *
 * Paged queries follow an index and stop; `test/store/queries-plan.test.ts` holds them to it.
 */
export * from './changes';
export * from './duplicates';
export * from './exposure';
export * from './group';
export * from './group-timeline';
export * from './groups';
export * from './hits';
export * from './identities';
export * from './incidents';
export * from './keeping';
export * from './loss-points';
export * from './losses';
export * from './places';
export * from './points';
export * from './positions';
export * from './range-totals';
export * from './record';
export * from './redeliveries';
export * from './redelivery-pages';
export * from './rewinds';
export * from './sequences';
export * from './summary';
export * from './timeseries';
export * from './totals';
export * from './unread';
export * from './watched-groups';
