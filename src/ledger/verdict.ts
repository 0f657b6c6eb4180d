/** What the ledger says of a group, from its totals: which promise held so far. */

import { countText } from './counts';

export const VERDICTS = [
  'nothing_delivered',
  'exactly_once_so_far',
  'at_least_once',
  'at_most_once',
] as const;

export type Verdict = (typeof VERDICTS)[number];

/** Records of one group since the ledger began. */
export interface VerdictFacts {
  deliveries: number;
  redeliveries: number;
  /** Delivered perhaps: what kills left uncertain. */
  uncertain: number;
  /** Committed before they were handled, and then not handled. */
  premature: number;
  /** Below the committed offset, known to exist, never delivered. */
  skipped: number;
  /** Copies that the consumer's own check recognised, and those that were applied again. */
  hits: number;
  appliedAgain: number;
  /** Transactions alone commit the offsets: a record is handled with the one that covers it. 1, else 0. */
  byTransactions: number;
}

export interface VerdictTold {
  verdict: Verdict;
  /** One sentence. */
  words: string;
}

/** What exactly once by transactions rests on, and the ledger cannot see. */
const RESTS_ON =
  'this is about what transactions wrote, read by consumers that read committed, where one process at a time uses each transactionalId and begins its first transaction before it joins the group';

export function verdictOf(facts: VerdictFacts): VerdictTold {
  const { deliveries, redeliveries, premature, skipped, uncertain, hits, appliedAgain } = facts;
  const perhaps = uncertain === 0 ? '' : `, ${countText(uncertain)} more perhaps`;
  const caught =
    hits === 0
      ? ''
      : `, ${countText(hits)} copies caught by the check, ${countText(appliedAgain)} applied again`;
  const again = redeliveries === 0 ? '' : `${countText(redeliveries)} redelivered${perhaps}${caught}`;
  if (premature + skipped > 0) {
    const losses = [
      premature === 0 ? '' : `${countText(premature)} committed before they were handled`,
      skipped === 0 ? '' : `${countText(skipped)} skipped`,
      again,
    ];
    return {
      verdict: 'at_most_once',
      words: `at most once: ${losses.filter((part) => part !== '').join(', ')}`,
    };
  }
  if (redeliveries > 0 && facts.byTransactions === 1 && appliedAgain === 0) {
    return {
      verdict: 'exactly_once_so_far',
      words: `exactly once so far: ${countText(redeliveries)} redelivered${perhaps}, none after the transaction with it was committed; ${RESTS_ON}`,
    };
  }
  if (redeliveries > 0) return { verdict: 'at_least_once', words: `at least once: ${again}` };
  if (deliveries === 0) return { verdict: 'nothing_delivered', words: 'no delivery seen' };
  return {
    verdict: 'exactly_once_so_far',
    words:
      uncertain === 0
        ? 'exactly once so far'
        : `exactly once so far, ${countText(uncertain)} perhaps delivered again`,
  };
}
