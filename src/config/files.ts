/** Files that the configuration names. */
import { readFileSync } from 'node:fs';
import { fail } from '../errors';

/** Throws 'bad-configuration'; `key` is what names the file. */
export function textOf(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    return fail('bad-configuration', `${key}: the file ${path} cannot be read (${code}).`, error);
  }
}

/** A secret's file mostly ends with a line break that an editor put there. */
export function secretOf(key: string, path: string): string {
  return textOf(key, path).replace(/\r?\n$/, '');
}
