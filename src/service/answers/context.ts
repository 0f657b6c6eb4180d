import type { IdentitySource } from '../identities';
import type { LagSource } from '../lag';
import type { Setup } from '../setup';

/** What an answer needs besides the store and the question. */
export interface AnswerContext {
  /** Unix ms. */
  now: number;
  /** null: no brokers are configured. */
  lag: LagSource | null;
  identities: IdentitySource;
  version: string;
  setup: Setup;
  /** Why the service is not ready, a line each; none: it is. */
  problems: () => string[];
}
