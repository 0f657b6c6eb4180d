/**
 * Incidents: findings of one kind and cause, one group (or one topic), close in time. A finding belongs to the
 * incident that it overlaps or lies within INCIDENT_GAP_MS of; one that touches two joins them. So the incidents are
 * the connected stretches of time of their findings, whatever the order in which these became known.
 *
 *     growing (a finding within GROWING_MS) -> open (none since) -> closed (none for INCIDENT_GAP_MS)
 */

import { countText } from './counts';

/** A pause of this long ends an incident. */
export const INCIDENT_GAP_MS = 5 * 60_000;
/** What found something within this long is still going on. */
export const GROWING_MS = 60_000;

export const INCIDENT_KINDS = [
  'redelivery',
  'premature_commit',
  'skip',
  'stalled_commits',
  'rewind',
  'duplicate',
  'id_reuse',
] as const;

export type IncidentKind = (typeof INCIDENT_KINDS)[number];

export const INCIDENT_STATES = ['growing', 'open', 'closed'] as const;

export type IncidentState = (typeof INCIDENT_STATES)[number];

/** Unix ms. */
export interface Span {
  firstAt: number;
  lastAt: number;
}

/** Whether the two are of one incident. */
export function belongTogether(a: Span, b: Span): boolean {
  return a.firstAt <= b.lastAt + INCIDENT_GAP_MS && b.firstAt <= a.lastAt + INCIDENT_GAP_MS;
}

export function stateOf(incident: Span, now: number): IncidentState {
  const quietMs = now - incident.lastAt;
  if (quietMs < GROWING_MS) return 'growing';
  return quietMs < INCIDENT_GAP_MS ? 'open' : 'closed';
}

/** What happened, in one sentence. `who` is the group, or the topic of what was written twice. */
export function incidentWords(incident: {
  kind: IncidentKind;
  cause: string;
  who: string;
  topics: readonly string[];
  records: number;
  partitions: number;
}): string {
  const { kind, who, records, partitions } = incident;
  const what = `${countText(records)} ${records === 1 ? 'record' : 'records'}`;
  const where = placeWords(incident.topics, partitions);
  const cause = incident.cause.replaceAll('_', ' ');
  switch (kind) {
    case 'redelivery':
      return `${who} got ${what} again${where}: ${cause}`;
    case 'premature_commit':
      return `${who} committed ${what}${where} that ${records === 1 ? 'was' : 'were'} not handled`;
    case 'skip':
      return `${who} never got ${what}${where} that lie below its committed offset: ${cause}`;
    case 'stalled_commits':
      if (incident.cause === 'nothing_committed')
        return `${who} commits nothing while ${what} ${records === 1 ? 'waits' : 'wait'}${where}`;
      return `${who} has handled ${what}${where} without a commit`;
    case 'rewind':
      return `the committed offset of ${who} went back by ${what}${where}: ${cause}`;
    case 'duplicate':
      return `${what} of ${who} ${records === 1 ? 'stands' : 'stand'} in the log again: ${cause}`;
    case 'id_reuse':
      return `${what} of ${who} ${records === 1 ? 'uses' : 'use'} an identity again with another payload`;
  }
}

function placeWords(topics: readonly string[], partitions: number): string {
  if (topics.length === 0) return '';
  const names = topics.length <= 2 ? topics.join(' and ') : `${countText(topics.length)} topics`;
  return ` on ${countText(partitions)} ${partitions === 1 ? 'partition' : 'partitions'} of ${names}`;
}
