/**
 * The shapes of all answers, once: the routes answer them, /openapi.json is generated from them, the command line
 * checks with them what a service sent. Names in snake_case as in the store's views; times RFC 3339 in UTC;
 * offsets and counts are numbers below 2^53; a duration carries its unit in its name.
 */
export * from './duplicate';
export * from './group';
export * from './hit';
export * from './incident';
export * from './record';
export * from './redelivery';
export * from './report';
export * from './rewind';
export * from './service';
export * from './summary';
export * from './timeline';

/** A page of a list. `next_cursor` is null on the last page. */
export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}
