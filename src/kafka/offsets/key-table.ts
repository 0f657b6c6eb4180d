/**
 * From a record's key to what stands for it, without making strings: a hash of the key's bytes, then a comparison
 * with the bytes of those that have the same hash. A miss is told apart by the caller, once a key.
 */
interface Entry<T> {
  hash: number;
  key: Buffer;
  value: T;
  next: Entry<T> | undefined;
}

export class KeyTable<T> {
  private buckets: (Entry<T> | undefined)[] = new Array(1024).fill(undefined);
  private size = 0;

  find(bytes: Buffer, start: number, end: number): T | undefined {
    const hash = hashOf(bytes, start, end);
    let entry = this.buckets[hash & (this.buckets.length - 1)];
    while (entry !== undefined) {
      if (entry.hash === hash && entry.key.length === end - start && isEqual(entry.key, bytes, start)) {
        return entry.value;
      }
      entry = entry.next;
    }
    return undefined;
  }

  /** The key must not be there yet; its bytes are copied. */
  add(bytes: Buffer, start: number, end: number, value: T): void {
    if (this.size >= this.buckets.length) this.grow();
    this.size++;
    const hash = hashOf(bytes, start, end);
    const bucket = hash & (this.buckets.length - 1);
    const key = Buffer.from(bytes.subarray(start, end));
    this.buckets[bucket] = { hash, key, value, next: this.buckets[bucket] };
  }

  private grow(): void {
    const old = this.buckets;
    const buckets = new Array<Entry<T> | undefined>(old.length * 2).fill(undefined);
    for (let entry of old) {
      while (entry !== undefined) {
        const { next } = entry;
        const bucket = entry.hash & (buckets.length - 1);
        entry.next = buckets[bucket];
        buckets[bucket] = entry;
        entry = next;
      }
    }
    this.buckets = buckets;
  }
}

/** FNV-1a. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  // Its low bits alone choose the bucket.
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isEqual(key: Buffer, bytes: Buffer, start: number): boolean {
  for (let at = key.length - 1; at >= 0; at--) if (key[at] !== bytes[start + at]) return false;
  return true;
}
