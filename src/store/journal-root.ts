import { resolve } from 'node:path';

/** The folder that holds the journals of every process that uses this store. */
export function journalRoot(storePath: string): string {
  return `${resolve(storePath)}.journal`;
}
