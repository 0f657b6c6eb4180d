/**
 * The built-in page: a few files that `npm run build` makes of src/page, read and compressed once. They hold no data and
 * need no token: whoever opens the page is asked for it there. The policy allows them their own scripts and styles, and
 * calls back to this service; the answers themselves allow nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';
import { fail } from '../errors';

/** The same place from the sources and from what is built of them. */
const FOLDER = join(__dirname, '../../dist/page');

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // Nothing of the page may turn a text into HTML or script, whatever a mistake of ours.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join(';');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const NOT_BUILT =
  'The page is not built: `npm run build` makes it. The routes of the service stand in /openapi.json.\n';

interface PageFile {
  type: string;
  plain: Buffer;
  gzip: Buffer;
}

export class PageFiles {
  private files: Map<string, PageFile> | null = null;

  sendIndex(request: Request, response: Response): void {
    const file = this.find('index.html');
    response.set('Content-Security-Policy', PAGE_POLICY);
    if (file === undefined) response.type('text/plain').send(NOT_BUILT);
    else send(request, response, file);
  }

  /** Names carry a hash of what they hold, so a browser may keep them. */
  sendAsset(request: Request, response: Response): void {
    const name = String(request.params.name);
    const file = this.find(`assets/${name}`);
    if (file === undefined) {
      fail('not-found', 'There is no such part of the page. Load / again.');
    }
    response.set('Cache-Control', 'private, max-age=31536000, immutable');
    send(request, response, file);
  }

  private find(name: string): PageFile | undefined {
    this.files ??= filesOf(FOLDER);
    return this.files.get(name);
  }
}

function send(request: Request, response: Response, file: PageFile): void {
  const isPacked = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  response.set({ 'Content-Type': file.type, Vary: 'Accept-Encoding' });
  if (isPacked) response.set('Content-Encoding', 'gzip');
  response.send(isPacked ? file.gzip : file.plain);
}

function filesOf(folder: string): Map<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const plain = readFileSync(join(folder, name));
    files.set(name, { type, plain, gzip: gzipSync(plain) });
  }
  return files;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      name.replaceAll('\\', '/'),
    );
  } catch {
    return [];
  }
}
