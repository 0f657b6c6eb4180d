/**
 * Hashes. An identity becomes 128 bits: two lanes of HalfSipHash-1-3 (64 bits each, the kernel's `hsiphash`) with
 * independent halves of a 128-bit key that every store draws for itself. Ids are chosen by whoever may produce, so the
 * hash must be keyed: with murmur3 a seed would not help, its collisions hold for every seed (Aumasson and Bernstein,
 * 2012), and each would be a false finding or a crowded bucket. Measured on Node 20, ns a text of 48 / 200 B, copied
 * once into an aligned buffer: this 108 / 274, HalfSipHash-2-4 152 / 373, murmur3 x86_128 44 / 67, crypto.hash md5
 * 1050 / 830 (and not in every Node 20).
 *
 * A payload becomes 32 bits by murmur3: it only tells apart a copy from another message under the same id, and a
 * producer that deceives itself there gains nothing.
 */

/** Grows to the largest record met. */
const FIRST_SCRATCH_BYTES = 16_384;
/** Words that the hashes write behind the last byte. */
const PADDING_BYTES = 20;
const LANE_0 = 0x6c796765;
const LANE_1 = 0x74656462;

export class Hasher {
  private scratch = Buffer.alloc(FIRST_SCRATCH_BYTES);
  private words = new Int32Array(this.scratch.buffer, this.scratch.byteOffset, FIRST_SCRATCH_BYTES / 4);
  private readonly key: Int32Array;
  /** The last identity hashed, as four words of 32 bits. */
  readonly out = new Uint32Array(4);

  /** @param seed 16 bytes, the store's own */
  constructor(seed: Uint8Array) {
    if (seed.length !== 16) throw new RangeError('a seed has 16 bytes');
    this.key = new Int32Array(new Uint8Array(seed).buffer);
  }

  /**
   * Hashes an identity within its topic into `out`. The topic goes by its name alone: the same message has the same
   * hash on every cluster; the store keeps clusters apart by the topic's row.
   *
   * @param scope of `scopeOf`
   */
  identity(scope: string, text: string): void {
    const input = scope + text;
    this.reserve(input.length * 3);
    this.lanes(this.scratch.write(input, 0, 'utf8'));
  }

  /** 32 bits of key and value, a tombstone and an empty value apart. */
  payload(key: Buffer | null, value: Buffer | null): number {
    const keyLength = key?.length ?? 0;
    const valueLength = value?.length ?? 0;
    this.reserve(keyLength + valueLength + 8);
    this.words[0] = key === null ? -1 : keyLength;
    this.words[1] = value === null ? -1 : valueLength;
    if (key !== null) this.scratch.set(key, 8);
    if (value !== null) this.scratch.set(value, 8 + keyLength);
    return murmur(this.words, 8 + keyLength + valueLength, this.key[0] as number);
  }

  /** Hex of 128 bits of those parts; null parts are places with nothing. */
  fingerprint(parts: readonly (Buffer | null)[]): string {
    this.reserve(parts.reduce((sum, part) => sum + (part?.length ?? 0) + 4, 0));
    let at = 0;
    for (const part of parts) {
      this.scratch.writeInt32LE(part === null ? -1 : part.length, at);
      at += 4;
      if (part !== null) this.scratch.set(part, at);
      at += part?.length ?? 0;
    }
    this.lanes(at);
    return hexOf(this.out, 0);
  }

  private reserve(bytes: number): void {
    if (bytes + PADDING_BYTES <= this.scratch.length) return;
    const size = 2 ** Math.ceil(Math.log2(bytes + PADDING_BYTES));
    this.scratch = Buffer.alloc(size);
    this.words = new Int32Array(this.scratch.buffer, this.scratch.byteOffset, size / 4);
  }

  /** Two lanes of HalfSipHash-1-3 over the first `length` bytes of the scratch. */
  private lanes(length: number): void {
    const { words, key, out } = this;
    const whole = length >> 2;
    words[whole] = (length << 24) | tailOf(words, length);
    let a0 = key[0] as number;
    let a1 = (key[1] as number) ^ 0xee;
    let a2 = LANE_0 ^ a0;
    let a3 = LANE_1 ^ (key[1] as number);
    let b0 = key[2] as number;
    let b1 = (key[3] as number) ^ 0xee;
    let b2 = LANE_0 ^ b0;
    let b3 = LANE_1 ^ (key[3] as number);
    // One round a word, then three, which give the first half, and three, which give the second.
    for (let i = 0; i <= whole + 6; i++) {
      const m = i <= whole ? (words[i] as number) : 0;
      if (i === whole + 1) {
        a2 ^= 0xee;
        b2 ^= 0xee;
      } else if (i === whole + 4) {
        out[0] = a1 ^ a3;
        out[2] = b1 ^ b3;
        a1 ^= 0xdd;
        b1 ^= 0xdd;
      }
      a3 ^= m;
      b3 ^= m;
      a0 = (a0 + a1) | 0;
      a1 = ((a1 << 5) | (a1 >>> 27)) ^ a0;
      a0 = (a0 << 16) | (a0 >>> 16);
      a2 = (a2 + a3) | 0;
      a3 = ((a3 << 8) | (a3 >>> 24)) ^ a2;
      a0 = (a0 + a3) | 0;
      a3 = ((a3 << 7) | (a3 >>> 25)) ^ a0;
      a2 = (a2 + a1) | 0;
      a1 = ((a1 << 13) | (a1 >>> 19)) ^ a2;
      a2 = (a2 << 16) | (a2 >>> 16);
      b0 = (b0 + b1) | 0;
      b1 = ((b1 << 5) | (b1 >>> 27)) ^ b0;
      b0 = (b0 << 16) | (b0 >>> 16);
      b2 = (b2 + b3) | 0;
      b3 = ((b3 << 8) | (b3 >>> 24)) ^ b2;
      b0 = (b0 + b3) | 0;
      b3 = ((b3 << 7) | (b3 >>> 25)) ^ b0;
      b2 = (b2 + b1) | 0;
      b1 = ((b1 << 13) | (b1 >>> 19)) ^ b2;
      b2 = (b2 << 16) | (b2 >>> 16);
      a0 ^= m;
      b0 ^= m;
    }
    out[1] = a1 ^ a3;
    out[3] = b1 ^ b3;
  }
}

/** What an identity's text is hashed behind: topic name and family, in which no NUL stands. */
export function scopeOf(topic: string, family: string): string {
  return `${topic}\0${family.replaceAll('\0', ' ')}\0`;
}

/** The hash at that word as 32 hex digits. */
export function hexOf(words: Uint32Array, at: number): string {
  let hex = '';
  for (let i = at; i < at + 4; i++) hex += (words[i] as number).toString(16).padStart(8, '0');
  return hex;
}

/** The bytes after the last whole word. */
function tailOf(words: Int32Array, length: number): number {
  const rest = length & 3;
  return rest === 0 ? 0 : (words[length >> 2] as number) & ((1 << (rest * 8)) - 1);
}

/** murmur3's x86_128 over the first `length` bytes, padded with zeros, folded to 32 bits. */
function murmur(words: Int32Array, length: number, seed: number): number {
  const whole = length >> 2;
  words[whole] = tailOf(words, length);
  words.fill(0, whole + 1, whole + 4);
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  for (let i = 0; i <= whole; i += 4) {
    let k = Math.imul(words[i] as number, 0x239b961b);
    h1 ^= Math.imul((k << 15) | (k >>> 17), 0xab0e9789);
    h1 = (Math.imul((((h1 << 19) | (h1 >>> 13)) + h2) | 0, 5) + 0x561ccd1b) | 0;
    k = Math.imul(words[i + 1] as number, 0xab0e9789);
    h2 ^= Math.imul((k << 16) | (k >>> 16), 0x38b34ae5);
    h2 = (Math.imul((((h2 << 17) | (h2 >>> 15)) + h3) | 0, 5) + 0x0bcaa747) | 0;
    k = Math.imul(words[i + 2] as number, 0x38b34ae5);
    h3 ^= Math.imul((k << 17) | (k >>> 15), 0xa1e38b93);
    h3 = (Math.imul((((h3 << 15) | (h3 >>> 17)) + h4) | 0, 5) + 0x96cd1c35) | 0;
    k = Math.imul(words[i + 3] as number, 0xa1e38b93);
    h4 ^= Math.imul((k << 18) | (k >>> 14), 0x239b961b);
    h4 = (Math.imul((((h4 << 13) | (h4 >>> 19)) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  let h = h1 ^ Math.imul(h2, 0x85ebca6b) ^ Math.imul(h3, 0xc2b2ae35) ^ Math.imul(h4, 0x9e3779b1) ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
