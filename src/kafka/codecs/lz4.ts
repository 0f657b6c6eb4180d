/** LZ4 frames, as producers write them: independent or linked blocks; checksums are skipped, as kafkajs skips a batch's. */

const MAGIC = 0x184d2204;
const BLOCK_MAX = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 ** 2, 4 * 1024 ** 2] as const;
const UNCOMPRESSED = 0x80000000;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const MIN_MATCH = 4;

export function inflateLz4(bytes: Buffer, max: number): Buffer {
  let out = Buffer.allocUnsafe(Math.min(max, Math.max(1_024, bytes.length * 4)));
  let to = 0;
  let at = 0;
  while (at < bytes.length) {
    if (at + 7 > bytes.length || bytes.readUInt32LE(at) !== MAGIC) throw damaged();
    const flags = bytes[at + 4] as number;
    const blockMax = BLOCK_MAX[((bytes[at + 5] as number) >>> 4) & 7] as number;
    if (flags >>> 6 !== 1 || blockMax === 0) throw damaged();
    at += 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0);
    for (;;) {
      if (at + 4 > bytes.length) throw damaged();
      const head = bytes.readUInt32LE(at);
      at += 4;
      if (head === 0) break;
      const size = head & ~UNCOMPRESSED;
      if (size > blockMax || at + size > bytes.length) throw damaged();
      if (out.length - to < blockMax) out = grown(out, to, blockMax, max);
      if (head >= UNCOMPRESSED) {
        if (to + size > out.length) throw damaged();
        to += bytes.copy(out, to, at, at + size);
      } else to = block(bytes, at, at + size, out, to);
      at += size + (flags & BLOCK_CHECKSUM ? 4 : 0);
    }
    at += flags & CONTENT_CHECKSUM ? 4 : 0;
  }
  return out.subarray(0, to);
}

function grown(from: Buffer<ArrayBuffer>, used: number, room: number, max: number): Buffer<ArrayBuffer> {
  const size = Math.min(max, Math.max(from.length * 2, used + room));
  if (size <= from.length) return from;
  const to = Buffer.allocUnsafe(size);
  from.copy(to, 0, 0, used);
  return to;
}

/** One block into `out` from `to`; answers where it ends. What was written before is its window. */
function block(input: Buffer, start: number, end: number, out: Buffer, start0: number): number {
  let at = start;
  let to = start0;
  while (at < end) {
    const token = input[at++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      let byte: number;
      do {
        if (at >= end) throw damaged();
        byte = input[at++] as number;
        literals += byte;
      } while (byte === 255);
    }
    if (at + literals > end || to + literals > out.length) throw damaged();
    if (literals > 0) {
      input.copy(out, to, at, at + literals);
      at += literals;
      to += literals;
    }
    // The last sequence of a block has no match.
    if (at === end) return to;
    if (at + 2 > end) throw damaged();
    const back = input.readUInt16LE(at);
    at += 2;
    let count = (token & 15) + MIN_MATCH;
    if (count === 15 + MIN_MATCH) {
      let byte: number;
      do {
        if (at >= end) throw damaged();
        byte = input[at++] as number;
        count += byte;
      } while (byte === 255);
    }
    if (back === 0 || back > to || to + count > out.length) throw damaged();
    if (back >= count) out.copyWithin(to, to - back, to - back + count);
    else for (let i = 0; i < count; i++) out[to + i] = out[to + i - back] as number;
    to += count;
  }
  return to;
}

function damaged(): RangeError {
  return new RangeError('an lz4 frame is damaged, or too large');
}
