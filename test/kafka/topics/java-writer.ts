/** A real Java producer (fixtures/Writer.java), from the jars that the tests' broker runs on. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchJars } from '../../../src/demo/broker/jars';
import { ownSurroundings } from '../../support/broker';

export interface JavaWriting {
  brokers: string[];
  topic: string;
  compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  idempotent?: boolean;
  /** Ids are `<prefix><n>` from `first` on; the prefix is `java-`. */
  prefix?: string;
  first?: number;
  count: number;
  transactionalId?: string;
  /** What ends each transaction of 100 records, in turn: c commits, a aborts. */
  ends?: string;
  requestTimeoutMs?: number;
}

/** Resolves when everything was acknowledged. */
export async function writeByJava(options: JavaWriting): Promise<void> {
  const { brokers, topic, count, compression = 'none', idempotent = true, first = 0 } = options;
  await runJava(
    'Writer.java',
    [
      brokers.join(','),
      topic,
      compression,
      String(idempotent),
      String(first),
      String(count),
      options.transactionalId ?? '-',
      options.ends ?? 'c',
    ],
    [
      `-Drequest.timeout.ms=${options.requestTimeoutMs ?? 30_000}`,
      `-Did.prefix=${options.prefix ?? 'java-'}`,
    ],
  );
}

export async function runJava(file: string, args: string[], properties: string[] = []): Promise<string> {
  const jars = await fetchJars(ownSurroundings(), () => undefined);
  const source = join(__dirname, 'fixtures', file);
  const { stdout } = await promisify(execFile)(
    'java',
    ['-XX:TieredStopAtLevel=1', ...properties, '-cp', join(jars, '*'), source, ...args],
    { timeout: 120_000, maxBuffer: 64 * 1024 ** 2 },
  );
  return stdout;
}
