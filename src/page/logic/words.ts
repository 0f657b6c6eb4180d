/** What the ledger's words mean to a person, and the shape that stands beside each: a cause is never only a colour. */

export type Shape =
  | 'bolt'
  | 'clock'
  | 'arrows'
  | 'back'
  | 'cross'
  | 'gap'
  | 'copy'
  | 'stop'
  | 'ghost'
  | 'question';

interface Meaning {
  words: string;
  shape: Shape;
}

/** Of redeliveries, rewinds, duplicates and skips; a word that is not known here is shown as it is. */
const CAUSES: Readonly<Record<string, Meaning>> = {
  handler_error: { words: 'handler threw', shape: 'cross' },
  seek: { words: 'seek back', shape: 'back' },
  left_unresolved: { words: 'batch left unresolved', shape: 'gap' },
  killed_before_commit: { words: 'killed before commit', shape: 'bolt' },
  session_timeout: { words: 'slow handler: session timed out', shape: 'clock' },
  rebalance_before_commit: { words: 'rebalance before commit', shape: 'arrows' },
  zombie: { words: 'zombie: two owners at once', shape: 'ghost' },
  reset: { words: "operator's reset", shape: 'back' },
  offsets_expired: { words: 'committed offsets expired', shape: 'clock' },
  truncated: { words: 'log truncated', shape: 'gap' },
  out_of_range: { words: 'committed offset out of range', shape: 'gap' },
  off_by_one: { words: 'off by one: offset instead of offset + 1', shape: 'back' },
  commit_failed: { words: 'commit failed', shape: 'cross' },
  topic_recreated: { words: 'topic recreated', shape: 'copy' },
  group_deleted: { words: 'group or its offsets deleted', shape: 'cross' },
  deleted: { words: 'records deleted', shape: 'cross' },
  retry_topic: { words: 'retry topic', shape: 'arrows' },
  sequence_anomaly: { words: 'sequence anomaly', shape: 'question' },
  outbox_relay: { words: 'outbox relay sent again', shape: 'copy' },
  replay: { words: 'replay', shape: 'back' },
  resent: { words: 'application sent it again', shape: 'copy' },
  epoch_bump: { words: 'retry after a new producer epoch', shape: 'arrows' },
  producer_retry: { words: "producer's own retry", shape: 'arrows' },
  producer_restart: { words: 'producer started anew', shape: 'bolt' },
  committed_before_handled: { words: 'committed before handled', shape: 'gap' },
  stalled_commits: { words: 'nothing is committed', shape: 'stop' },
  unknown: { words: 'cause not known', shape: 'question' },
};

export function causeWords(cause: string): string {
  return CAUSES[cause]?.words ?? cause.replaceAll('_', ' ');
}

export function causeShape(cause: string): Shape {
  return CAUSES[cause]?.shape ?? 'question';
}

const KINDS: Readonly<Record<string, string>> = {
  redelivery: 'delivered again',
  premature_commit: 'committed too early',
  skip: 'skipped',
  stalled_commits: 'commits stalled',
  rewind: 'rewind',
  duplicate: 'written twice',
  id_reuse: 'id reused',
  intentional: 'published again on purpose',
};

export function kindWords(kind: string): string {
  return KINDS[kind] ?? kind.replaceAll('_', ' ');
}

const VERDICTS: Readonly<Record<string, string>> = {
  nothing_delivered: 'nothing seen',
  exactly_once_so_far: 'exactly once so far',
  at_least_once: 'at least once',
  at_most_once: 'at most once',
};

export function verdictWords(verdict: string): string {
  return VERDICTS[verdict] ?? verdict.replaceAll('_', ' ');
}

const OUTCOMES: Readonly<Record<string, string>> = {
  open: 'in hand, not known yet',
  handled: 'handled',
  failed: 'handler threw',
  unresolved: 'left unresolved by its batch',
  in_flight: 'in flight when the process died',
  uncertain: 'perhaps never handed over',
};

export function outcomeWords(outcome: string): string {
  return OUTCOMES[outcome] ?? outcome.replaceAll('_', ' ');
}

const ENDINGS: Readonly<Record<string, string>> = {
  died: 'killed',
  stop: 'stopped',
  disconnect: 'disconnected',
  crash: 'crashed',
  exit: 'exited',
};

export function endingWords(how: string | null): string {
  return how === null ? 'ended' : (ENDINGS[how] ?? how);
}
