/**
 * The documentation that comes with the package, as text: what a runbook link of an alert leads to without a copy of it
 * anywhere else. It holds no data and needs no token.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Response } from 'express';
import { fail } from '../errors';

/** The same place from the sources and from what is built of them. */
const FOLDER = join(__dirname, '../../docs');

export class DocFiles {
  private texts: Map<string, string> | null = null;

  /** @param path within docs/: `alerts/rewind.md`. Throws 'not-found'. */
  send(path: string, response: Response): void {
    // Looked up among what is there, so no path leads elsewhere.
    this.texts ??= new Map(['', 'alerts/'].flatMap(textsIn));
    const text = this.texts.get(path);
    if (text === undefined)
      fail('not-found', 'There is no such page. /docs/grafana.md names those of alerts.');
    // Browsers show it; text/markdown they would save.
    response.type('text/plain').send(text);
  }
}

function textsIn(folder: string): [string, string][] {
  let names: string[];
  try {
    names = readdirSync(join(FOLDER, folder));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.md'))
    .map((name) => [folder + name, readFileSync(join(FOLDER, folder, name), 'utf8')]);
}
