/** Snappy: bare blocks, and xerial's framing (magic, versions, then blocks each behind its length). */

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
/** The magic and two versions. */
const XERIAL_HEAD = 16;

export function inflateSnappy(bytes: Buffer, max: number): Buffer {
  if (bytes.length < XERIAL_HEAD || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return block(bytes, max);
  const blocks: Buffer[] = [];
  let left = max;
  for (let at = XERIAL_HEAD; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw damaged();
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) throw damaged();
    const inflated = block(bytes.subarray(at, at + length), left);
    left -= inflated.length;
    blocks.push(inflated);
    at += length;
  }
  return Buffer.concat(blocks);
}

function block(input: Buffer, max: number): Buffer {
  let at = 0;
  let length = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = input[at++];
    if (byte === undefined || factor > 2 ** 28) throw damaged();
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  // A copy of 64 bytes takes at least 3: no honest block grows by more.
  if (length > max || length > input.length * 32) throw damaged();
  const out = Buffer.allocUnsafe(length);
  let to = 0;
  while (at < input.length) {
    const tag = input[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let count = (tag >>> 2) + 1;
      if (count > 60) {
        const width = count - 60;
        if (at + width > input.length) throw damaged();
        count = input.readUIntLE(at, width) + 1;
        at += width;
      }
      if (at + count > input.length || to + count > length) throw damaged();
      input.copy(out, to, at, at + count);
      at += count;
      to += count;
      continue;
    }
    const width = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    if (at + width > input.length) throw damaged();
    const low = input.readUIntLE(at, width);
    at += width;
    const back = kind === 1 ? ((tag >>> 5) << 8) | low : low;
    const count = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    if (back === 0 || back > to || to + count > length) throw damaged();
    if (back >= count) out.copyWithin(to, to - back, to - back + count);
    // The copy reaches into itself: what it repeats is what it just wrote.
    else for (let i = 0; i < count; i++) out[to + i] = out[to + i - back] as number;
    to += count;
  }
  if (to !== length) throw damaged();
  return out;
}

function damaged(): RangeError {
  return new RangeError('a snappy block is damaged');
}
