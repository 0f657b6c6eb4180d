/**
 * A small, closed subset of JSON path: `$`, then members and positions, which leads to one place at most.
 *
 *     path    = "$" *( "." name / "[" index "]" / "[" quoted "]" )
 *     name    = 1*( any character but  . [ ] ' " * ? ( ) @  and white space )
 *     index   = 1*9DIGIT
 *     quoted  = a text in ' or ", in which \ takes the next character as it is
 *
 * No wildcards, slices, filters or descent: an identity stands at one place.
 */
import { fail } from '../errors';

export type JsonPath = readonly (string | number)[];

const NAME = /[^.[\]'"*?()@\s]+/y;
const INDEX = /\[(\d{1,9})\]/y;
const QUOTED = /\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/sy;
/** Integers that JSON.parse would round, outside of texts; the texts are matched so that they are left alone. */
const LONG_INTEGERS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/gs;

/** Throws `bad-configuration`, which names the position that is not understood. */
export function parseJsonPath(text: string): JsonPath {
  if (!text.startsWith('$')) wrong(text, 0, 'begins with $');
  const steps: (string | number)[] = [];
  let at = 1;
  const take = (pattern: RegExp, from: number): RegExpExecArray | null => {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    if (text[at] === '.') {
      const name = take(NAME, at + 1);
      if (name === null) wrong(text, at, 'has a name after each dot');
      else steps.push(name[0]);
      continue;
    }
    const index = take(INDEX, at);
    if (index !== null) {
      steps.push(Number(index[1]));
      continue;
    }
    const quoted = take(QUOTED, at);
    if (quoted === null) return wrong(text, at, "goes on with .name, [0] or ['name']");
    steps.push((quoted[1] ?? quoted[2] ?? '').replace(/\\(.)/gs, '$1'));
  }
  if (steps.length === 0) wrong(text, 1, 'leads to a member: $.id');
  return steps;
}

/** The text or number at that place as text; null where there is none, or the value is no JSON. */
export function readJsonPath(json: Buffer | null, path: JsonPath): string | null {
  let here: unknown = parse(json);
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return null;
    // An array has positions alone, an object names alone.
    if (Array.isArray(here) !== (typeof step === 'number')) return null;
    here = (here as Record<string | number, unknown>)[step];
  }
  if (typeof here === 'string') return here === '' ? null : here;
  return typeof here === 'number' ? String(here) : null;
}

/** Undefined where it is no JSON. Integers beyond 2^53 (snowflake ids) become texts: rounded, neighbours were equal. */
function parse(json: Buffer | null): unknown {
  if (json === null || json.length === 0) return undefined;
  const text = json.toString('utf8');
  try {
    return JSON.parse(
      /\d{16}/.test(text) ? text.replace(LONG_INTEGERS, (m) => (m[0] === '"' ? m : `"${m}"`)) : text,
    );
  } catch {
    return undefined;
  }
}

function wrong(path: string, at: number, rule: string): never {
  fail(
    'bad-configuration',
    `The JSON path ${JSON.stringify(path)} is not understood at character ${at + 1}: it ${rule}. Example: $.order.lines[0]['line id'].`,
  );
}
