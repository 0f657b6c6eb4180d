/** Which topics are observed, from where on, and by which rules. */
import type { IdentityRules } from '../../identity';

/** Where a topic begins that was never observed: its first record, its end, or its records of a time (unix ms) on. */
export type Beginning = 'beginning' | 'end' | number;

/** How one topic is read. */
export interface TopicRules {
  identity: IdentityRules;
  window: { ageMs: number; records: number };
  /** False: identities leave as hashes alone. */
  clearTexts: boolean;
}

export interface TopicChoice {
  wants(topic: string): boolean;
  /** Names that are meant letter by letter: Kafka's own topics are observed by these alone. */
  named: ReadonlySet<string>;
  from: Beginning;
  /** Records of open and aborted transactions too. */
  uncommitted: boolean;
  rulesOf(topic: string): TopicRules;
}
