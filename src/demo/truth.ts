/**
 * The ground truth: what the handlers themselves say they were given. Each consumer process appends to a file of
 * its own, synchronously and before it does anything else with a record, so that it stands there after a SIGKILL
 * of the process in the next moment. Nothing of Dupescope reads or writes these files.
 */
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface TruthDelivery {
  group: string;
  topic: string;
  partition: number;
  offset: number;
  /** Unix ms, by the clock of the consumer's process. */
  at: number;
  /** Name of the consumer process. */
  worker: string;
}

export class TruthWriter {
  private readonly fd: number;

  constructor(file: string) {
    this.fd = openSync(file, 'a');
  }

  /** One write for all of them: a line each, columns parted by tabs. */
  write(deliveries: readonly TruthDelivery[]): void {
    writeSync(this.fd, deliveries.map(lineOf).join(''));
  }
}

function lineOf({ group, topic, partition, offset, at, worker }: TruthDelivery): string {
  return `${[group, topic, partition, offset, at, worker].join('\t')}\n`;
}

/** Null for what is no line of ours. */
function deliveryOf(line: string): TruthDelivery | null {
  const [group, topic, partition, offset, at, worker, ...more] = line.split('\t');
  if (!group || !topic || !partition || !offset || !at || !worker || more.length > 0) return null;
  return { group, topic, partition: Number(partition), offset: Number(offset), at: Number(at), worker };
}

/** Reads the files of a folder as they grow. Holds none open: a long demo makes many. */
export class TruthReader {
  private readonly files = new Map<string, { read: number; rest: Buffer }>();

  constructor(private readonly folder: string) {}

  /** What was written since the last call. */
  poll(): TruthDelivery[] {
    const fresh: TruthDelivery[] = [];
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name);
      const file = this.files.get(name) ?? { read: 0, rest: Buffer.alloc(0) };
      this.files.set(name, file);
      const more = statSync(path).size - file.read;
      if (more <= 0) continue;
      const text = Buffer.concat([file.rest, readAt(path, file.read, more)]);
      file.read += text.length - file.rest.length;
      // A line is whole when its end is there; one that a kill cut off never is.
      const end = text.lastIndexOf(0x0a) + 1;
      file.rest = text.subarray(end);
      for (const line of text.toString('utf8', 0, end).split('\n')) {
        const delivery = deliveryOf(line);
        if (delivery !== null) fresh.push(delivery);
      }
    }
    return fresh;
  }
}

function readAt(path: string, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
  } finally {
    closeSync(fd);
  }
}
