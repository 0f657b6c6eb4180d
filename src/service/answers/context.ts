import type { LagSource } from '../lag';

/** What an answer needs besides the store and the question. */
export interface AnswerContext {
  /** Unix ms. */
  now: number;
  /** null: no brokers are configured. */
  lag: LagSource | null;
  version: string;
}
