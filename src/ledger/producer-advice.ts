/** What a producer's settings mean for duplicates and loss, and what to change. Read from top to bottom; all that fit. */
import { countText } from './counts';
import type { ProducerCounts, ProducerSettings } from './evidence';

export interface ProducerAdvice {
  risk: 'duplicates' | 'loss' | 'order';
  /** What it is and what to do. */
  text: string;
}

export function producerAdvice(
  settings: ProducerSettings,
  counts: Pick<ProducerCounts, 'acks' | 'failedAttempts' | 'unanswered'>,
): ProducerAdvice[] {
  const { idempotent, retries, maxInFlightRequests } = settings;
  const found: ProducerAdvice[] = [];
  const weakest = counts.acks.length === 0 ? null : Math.max(...counts.acks);
  if (counts.acks.includes(0)) {
    found.push({
      risk: 'loss',
      text: 'acks: 0: a message that no broker took is lost without an error. Use acks: -1.',
    });
  }
  if (!idempotent && retries > 0) {
    const seen = seenText(counts);
    const acks = weakest === 1 ? 'acks: 1 and not idempotent' : 'not idempotent';
    found.push({
      risk: 'duplicates',
      text: `${acks}: a lost answer writes twice.${seen} Use idempotent: true, with acks: -1 and maxInFlightRequests: 1.`,
    });
  }
  if (weakest === 1) {
    found.push({
      risk: 'loss',
      text: 'acks: 1: what only the leader had is lost when the leader fails. Use acks: -1.',
    });
  }
  if (retries === 0) {
    found.push({
      risk: 'loss',
      text: "retries: 0: an error of a moment is the application's to send again. Use retries, with idempotent: true.",
    });
  }
  if (idempotent && retries < Number.MAX_SAFE_INTEGER) {
    found.push({
      risk: 'duplicates',
      text: `idempotent with ${retries} retries: when they are spent, a message that the application sends again may be written twice. Leave retries unset.`,
    });
  }
  if (retries > 0 && maxInFlightRequests !== 1) {
    found.push({
      risk: idempotent ? 'duplicates' : 'order',
      text: idempotent
        ? 'idempotent with several requests in flight: kafkajs keeps sequences right with maxInFlightRequests: 1 alone.'
        : 'several requests in flight: a message that is tried again can overtake others. Use maxInFlightRequests: 1 where order counts.',
    });
  }
  return found;
}

/** What kafkajs tried again so far; '' while no attempt failed. */
function seenText({
  failedAttempts,
  unanswered,
}: Pick<ProducerCounts, 'failedAttempts' | 'unanswered'>): string {
  if (failedAttempts === 0) return '';
  const attempts = `${countText(failedAttempts)} ${failedAttempts === 1 ? 'attempt' : 'attempts'} failed`;
  if (unanswered === 0) return ` ${attempts} so far, none with a lost answer.`;
  return ` It happened ${countText(unanswered)} ${unanswered === 1 ? 'time' : 'times'}: ${attempts}.`;
}
