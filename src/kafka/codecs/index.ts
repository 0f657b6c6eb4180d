/**
 * Batches as producers compress them: gzip, snappy (bare and in xerial's framing), lz4 frames, zstd. No native code:
 * gzip is Node's, zstd is Node's where it has it (22.15) and else fzstd's, the two others are small enough to stand
 * here. What comes out is bounded: 1 MiB of zeros may have been a GiB.
 */
import * as zlib from 'node:zlib';
import { inflateLz4 } from './lz4';
import { inflateSnappy } from './snappy';

/** As the attributes of a batch tell it. */
export const CODECS = { GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;

/** More than any producer's batch holds: max.request.size is 1 MiB by default, and rarely above 100 MiB. */
export const INFLATED_MAX = 256 * 1024 ** 2;

/** Throws where the bytes are damaged, more than `max` come out, or the codec is not known. */
export function inflate(compression: number, bytes: Buffer, max: number = INFLATED_MAX): Buffer {
  switch (compression) {
    case CODECS.GZIP:
      return zlib.gunzipSync(bytes, { maxOutputLength: max });
    case CODECS.SNAPPY:
      return inflateSnappy(bytes, max);
    case CODECS.LZ4:
      return inflateLz4(bytes, max);
    case CODECS.ZSTD:
      return inflateZstd(bytes, max);
    default:
      throw new RangeError(`compression ${compression} is not known`);
  }
}

type ZstdSync = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;
const nodeZstd = (zlib as unknown as { zstdDecompressSync?: ZstdSync }).zstdDecompressSync;
let fzstd: typeof import('fzstd') | null = null;

function inflateZstd(bytes: Buffer, max: number): Buffer {
  if (nodeZstd !== undefined) return nodeZstd(bytes, { maxOutputLength: max });
  // Loaded when the first such batch comes.
  fzstd ??= require('fzstd') as typeof import('fzstd');
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new fzstd.Decompress((part) => {
    length += part.length;
    if (length > max) throw new RangeError(`more than ${max} bytes come out of a batch`);
    parts.push(part.slice());
  });
  stream.push(bytes, true);
  return Buffer.concat(parts, length);
}
