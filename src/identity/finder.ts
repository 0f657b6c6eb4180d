/** Finds a record's identity by the rules of its topic. One finder a topic, made once. */
import { fail } from '../errors';
import {
  CATALOGUE,
  CE_ID,
  CE_SOURCE,
  CONTENT_TYPE,
  isNeverIdentity,
  SOURCE_CLOUDEVENTS,
  SOURCE_FINGERPRINT,
  SOURCE_KEY,
  SOURCE_STRUCTURED,
  STRUCTURED,
} from './catalogue';
import { Hasher } from './hash';
import { parseJsonPath, readJsonPath } from './json-path';
import { type Headers, headerBytes, headerText, type Message, textOf } from './message';
import { normalise } from './normalise';

/** Where a topic's identities stand. */
export type IdentityChoice =
  /** The catalogue of known headers, in its order. */
  | { from: 'headers' }
  /** One header of the users' own, by its exact name. */
  | { from: 'header'; name: string }
  /** A place in the JSON value, like `$.order.id`; see json-path. */
  | { from: 'json'; path: string }
  /** The record key: for topics in which each key is written once. */
  | { from: 'key' }
  /** Key, value and the named headers, never a time. What is found by it is `probable` at most. */
  | { from: 'fingerprint'; headers?: readonly string[] };

/** Tried in order; the first choice that finds something decides. None: the topic has no identities. */
export type IdentityRules = readonly IdentityChoice[];

export const DEFAULT_RULES: IdentityRules = [{ from: 'headers' }];

export interface FoundIdentity {
  /** Where it stood, for people: `ce_id+ce_source`, `$.id`, `key`. */
  source: string;
  /** Texts of different families never meet: an id and a key may read alike. */
  family: string;
  /** Normalised, not empty, in full. */
  text: string;
}

type Step = (message: Message) => FoundIdentity | null;

/** Header names seen are remembered with their ranks; a producer that invents names does not fill the memory. */
const NAMES_MAX = 2_000;
const NONE: readonly number[] = [];
/** Ranks of both modes of CloudEvents; the rows of the catalogue follow. */
const RANK_BINARY = 0;
const RANK_STRUCTURED = 1;
const FIRST_ROW = 2;
const CE_ID_PATH = parseJsonPath('$.id');
const CE_SOURCE_PATH = parseJsonPath('$.source');

export class IdentityFinder {
  private readonly steps: Step[];
  private readonly ranks = new Map<string, readonly number[]>();

  /** Throws `bad-configuration` on a rule that cannot be followed. */
  constructor(rules: IdentityRules = DEFAULT_RULES) {
    this.steps = rules.map((rule) => this.step(rule));
  }

  /** Null where the record has none. Never throws, whatever the record holds. */
  find(message: Message): FoundIdentity | null {
    for (const step of this.steps) {
      const found = step(message);
      if (found !== null) return found;
    }
    return null;
  }

  private step(rule: IdentityChoice): Step {
    switch (rule.from) {
      case 'headers':
        return (message) => this.inHeaders(message);
      case 'header': {
        const { name } = rule;
        if (isNeverIdentity(name)) {
          fail(
            'bad-configuration',
            `The header ${name} does not name one message (it names a trace, a conversation or a part): choose another identity.`,
          );
        }
        return ({ headers }) => found(`header ${name}`, name, headerText(headers, name));
      }
      case 'json': {
        const path = parseJsonPath(rule.path);
        return ({ value }) => found(rule.path, rule.path, readJsonPath(value, path));
      }
      case 'key':
        return ({ key }) => found(SOURCE_KEY, SOURCE_KEY, textOf(key));
      case 'fingerprint':
        return fingerprint(rule.headers ?? []);
    }
  }

  private inHeaders(message: Message): FoundIdentity | null {
    const { headers } = message;
    if (headers === undefined || headers === null) return null;
    let best: FoundIdentity | null = null;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const name of Object.keys(headers)) {
      for (const rank of this.ranksOf(name)) {
        if (rank >= bestRank) continue;
        const here = atRank(rank, name, headers, message.value);
        if (here !== null) {
          best = here;
          bestRank = rank;
        }
      }
    }
    return best;
  }

  private ranksOf(name: string): readonly number[] {
    const known = this.ranks.get(name);
    if (known !== undefined) return known;
    if (this.ranks.size >= NAMES_MAX) this.ranks.clear();
    const ranks = ranksOf(name);
    this.ranks.set(name, ranks);
    return ranks;
  }
}

function ranksOf(name: string): readonly number[] {
  if (name === CE_ID) return [RANK_BINARY];
  const lower = name.toLowerCase();
  if (lower === CONTENT_TYPE) return [RANK_STRUCTURED];
  const ranks = CATALOGUE.flatMap((row, i) =>
    row.names.includes(row.anyCase ? lower : name) ? [i + FIRST_ROW] : [],
  );
  return ranks.length === 0 ? NONE : ranks;
}

function atRank(rank: number, name: string, headers: Headers, value: Buffer | null): FoundIdentity | null {
  if (rank === RANK_BINARY) {
    return cloudEvent(SOURCE_CLOUDEVENTS, headerText(headers, CE_ID), headerText(headers, CE_SOURCE));
  }
  if (rank === RANK_STRUCTURED) {
    if (!STRUCTURED.test(headerText(headers, name) ?? '')) return null;
    return cloudEvent(
      SOURCE_STRUCTURED,
      readJsonPath(value, CE_ID_PATH),
      readJsonPath(value, CE_SOURCE_PATH),
    );
  }
  const row = CATALOGUE[rank - FIRST_ROW];
  if (row === undefined) return null;
  const here = found(row.source, row.source, headerText(headers, name));
  return here !== null && (row.fits?.(here.text) ?? true) ? here : null;
}

/** One family for both modes. A space separates: a source is a URI and has none. */
function cloudEvent(source: string, id: string | null, from: string | null): FoundIdentity | null {
  if (id === null || from === null) return null;
  const [left, right] = [normalise(from), normalise(id)];
  if (left === '' || right === '') return null;
  return { source, family: 'cloudevents', text: `${left.replaceAll(' ', '%20')} ${right}` };
}

function found(source: string, family: string, raw: string | null): FoundIdentity | null {
  if (raw === null) return null;
  const text = normalise(raw);
  return text === '' ? null : { source, family, text };
}

/** Each part with its length before it, so that no two contents run into one. */
function fingerprint(names: readonly string[]): Step {
  const hasher = new Hasher(new Uint8Array(16));
  return ({ key, value, headers }) => {
    // A tombstone repeats by its nature: it says nothing of which message it was.
    if (value === null) return null;
    const parts: (Buffer | null)[] = [key, value];
    for (const name of names) parts.push(...headerBytes(headers, name), null);
    return { source: SOURCE_FINGERPRINT, family: SOURCE_FINGERPRINT, text: hasher.fingerprint(parts) };
  };
}
