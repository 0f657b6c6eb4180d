/**
 * Evidence of other hosts: POST /v1/reports and POST /v1/past. Checked here, written by the store's one writer, which
 * is handed in: this room only reads. A body is bounded before and after decompression, and must be JSON by its
 * Content-Type: a page of another site cannot send that without being asked first, and it is never allowed to.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Request, RequestHandler } from 'express';
import type { z } from 'zod';
import { errorLine, fail } from '../errors';
import type { Report, ReportAnswer } from '../journal';
import { evidenceOf, type PartitionPast, PastBody, ReportBody } from './schemas';

/** Who writes what is reported. */
export interface ReportSink {
  /** Resolves when it is durable. Throws 'report-gap' and the store's errors. */
  report(report: Report): Promise<ReportAnswer>;
  /** Null when the ledger did not answer within `limitMs`. */
  past(question: z.output<typeof PastBody>, limitMs: number): Promise<z.output<typeof PartitionPast> | null>;
}

/** Largest bodies as they are sent: a report, and all others. */
export const REPORT_MAX_BYTES = 1024 * 1024;
const UNPACKED_MAX_BYTES = 4 * 1024 * 1024;
/** So many reports may wait for the writer, with their bodies in memory. */
const WAITING_MAX = 32;
const PAST_LIMIT_MS = 5_000;

const unzip = promisify(gunzip);

export function reportHandler(sink: ReportSink | null): RequestHandler {
  let waiting = 0;
  return async (request, response) => {
    const writer = sink ?? noSink();
    if (waiting >= WAITING_MAX) {
      response.set('Retry-After', '2');
      fail('too-many-reports', `${waiting} reports wait for the store already. Send this one again later.`);
    }
    waiting++;
    try {
      const report = reportOf(await bodyOf(request));
      response.json(await writer.report(report));
    } finally {
      waiting--;
    }
  };
}

export function pastHandler(sink: ReportSink | null): RequestHandler {
  return async (request, response) => {
    const question = checked(PastBody, await bodyOf(request));
    const past = await (sink ?? noSink()).past(question, PAST_LIMIT_MS);
    if (past === null) fail('store-busy', 'The ledger did not answer in time.');
    response.json(past);
  };
}

function noSink(): never {
  return fail('not-found', 'This service takes no reports: it only reads its store.');
}

function reportOf(body: unknown): Report {
  const report = checked(ReportBody, body);
  const lines = report.lines.map(({ seq, evidence }, i) => {
    try {
      const known = evidenceOf(evidence) as Report['lines'][number]['evidence'] | null;
      return { seq, evidence: known ?? leftOut(evidence.t) };
    } catch (error) {
      return invalid(`lines[${i}].evidence`, error);
    }
  });
  return { ...report, lines };
}

/** In the place of a line that a newer version wrote: counted among what was dropped. */
function leftOut(kind: string): Report['lines'][number]['evidence'] {
  const reason = `evidence of the kind "${kind}" is not known to this version of the service`;
  return { t: 'dropped', at: Date.now(), events: 1, deliveries: 0, reason };
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const read = schema.safeParse(body);
  return read.success ? read.data : invalid('', read.error);
}

function invalid(place: string, error: unknown): never {
  const issue = (error as { issues?: { path: PropertyKey[]; message: string }[] }).issues?.[0];
  const path = [place, ...(issue?.path ?? [])].filter((part) => part !== '').join('.');
  fail('bad-report', `${path === '' ? 'The body' : path}: ${issue?.message ?? errorLine(error)}`);
}

async function bodyOf(request: Request): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    fail('bad-report', 'Send the header "Content-Type: application/json".');
  }
  const bytes = await unpacked(request, await received(request));
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return fail('bad-report', 'The body is not JSON.');
  }
}

async function received(request: Request): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  // Content-Length was checked; this holds whoever lies.
  for await (const piece of request) {
    length += (piece as Buffer).length;
    if (length > REPORT_MAX_BYTES) tooLarge('sent', REPORT_MAX_BYTES);
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

async function unpacked(request: Request, bytes: Buffer): Promise<Buffer> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return bytes;
  if (encoding !== 'gzip') fail('bad-report', 'Content-Encoding must be gzip or none.');
  try {
    return await unzip(bytes, { maxOutputLength: UNPACKED_MAX_BYTES });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      tooLarge('decompressed', UNPACKED_MAX_BYTES);
    }
    return fail('bad-report', 'The body is not gzip, as Content-Encoding says.');
  }
}

function tooLarge(how: string, bytes: number): never {
  fail('body-too-large', `A body may have ${bytes} bytes ${how}. Split the report.`);
}
