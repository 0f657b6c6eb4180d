/**
 * Where a person stands: a screen and its state, all of it in the address, so that an address can be sent to a colleague.
 *
 *     #/groups/billing?cluster=c1&since=6h&tz=utc
 *
 * It stands behind the `#`, which a browser does not send: names of groups and ids of messages stay out of logs.
 */

/** Lists of findings, by their names in the API. */
export const FINDING_LISTS = [
  'rewinds',
  'duplicates',
  'premature-commits',
  'skips',
  'stalled-commits',
  'hits',
] as const;
export type FindingList = (typeof FINDING_LISTS)[number];

export type Screen =
  | { name: 'overview' }
  | { name: 'groups' }
  | { name: 'group'; group: string }
  | { name: 'incidents' }
  | { name: 'incident'; id: number }
  | { name: 'redeliveries' }
  | { name: 'findings'; list: FindingList }
  | { name: 'record'; topic: string; partition: number; offset: number }
  | { name: 'identity'; id: string }
  | { name: 'topics' }
  | { name: 'health' }
  | { name: 'unknown'; path: string };

export interface Place {
  screen: Screen;
  /** What else the address holds: range, filters, cursor. */
  query: Readonly<Record<string, string>>;
}

/** What stays when one screen leads to another. */
const KEPT = ['since', 'until', 'tz'] as const;

export function readPlace(hash: string): Place {
  const text = hash.replace(/^#/, '');
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = Object.fromEntries(new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)));
  return { screen: screenOf(path), query };
}

function screenOf(path: string): Screen {
  const [name = '', ...rest] = path
    .replace(/^\/+|\/+$/g, '')
    .split('/')
    .map(decoded);
  const [first, second, third] = rest;
  switch (name) {
    case '':
      return { name: 'overview' };
    case 'groups':
      return first === undefined ? { name } : { name: 'group', group: first };
    case 'incidents':
      if (first === undefined) return { name };
      return /^\d{1,15}$/.test(first) ? { name: 'incident', id: Number(first) } : { name: 'unknown', path };
    case 'records':
      if (first !== undefined && isWhole(second) && isWhole(third)) {
        return { name: 'record', topic: first, partition: Number(second), offset: Number(third) };
      }
      return { name: 'unknown', path };
    case 'identities':
      return first === undefined ? { name: 'unknown', path } : { name: 'identity', id: first };
    case 'findings': {
      const list = FINDING_LISTS.find((known) => known === first);
      return list === undefined ? { name: 'unknown', path } : { name, list };
    }
    case 'redeliveries':
    case 'topics':
    case 'health':
      return { name };
    default:
      return { name: 'unknown', path };
  }
}

function isWhole(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}

/** An address that was cut off in the middle of a character is shown as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function writePlace({ screen, query }: Place): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(given).toString();
  return `#${pathOf(screen)}${search === '' ? '' : `?${search}`}`;
}

function pathOf(screen: Screen): string {
  switch (screen.name) {
    case 'overview':
      return '/';
    case 'group':
      return `/groups/${encodeURIComponent(screen.group)}`;
    case 'incident':
      return `/incidents/${screen.id}`;
    case 'record':
      return `/records/${encodeURIComponent(screen.topic)}/${screen.partition}/${screen.offset}`;
    case 'identity':
      return `/identities/${encodeURIComponent(screen.id)}`;
    case 'findings':
      return `/findings/${screen.list}`;
    case 'unknown':
      return screen.path;
    default:
      return `/${screen.name}`;
  }
}

/** The address of another screen, seen from this place: the range and the zone come along, filters do not. */
export function leadTo(from: Place, screen: Screen, query: Record<string, string | null> = {}): string {
  const kept = KEPT.flatMap((key) => (from.query[key] === undefined ? [] : [[key, from.query[key]]]));
  const more = Object.entries(query).flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
  return writePlace({ screen, query: Object.fromEntries([...kept, ...more]) });
}

/** The address of this screen with some of its state changed; null takes a key away. */
export function changed(from: Place, query: Record<string, string | null>): string {
  const next: Record<string, string> = { ...from.query };
  for (const [key, value] of Object.entries(query)) {
    if (value === null) delete next[key];
    else next[key] = value;
  }
  return writePlace({ screen: from.screen, query: next });
}
