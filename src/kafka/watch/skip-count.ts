/** Records of the offsets log that were not used, and why. Counted since the start. */
export interface SkippedRecords {
  /** Keys and values of kinds and versions that are not looked at: share groups, streams groups, what is to come. */
  unknown: number;
  /** Bytes that are not what their version says. */
  unreadable: number;
}

export class SkipCount implements SkippedRecords {
  unknown = 0;
  unreadable = 0;
  /** Of these, handed to the store. Not a property: the counts are handed on as an object. */
  #told: SkippedRecords = { unknown: 0, unreadable: 0 };

  add(why: 'unknown version' | 'unreadable'): void {
    if (why === 'unreadable') this.unreadable++;
    else this.unknown++;
  }

  /** Since it was asked last. */
  drain(): SkippedRecords {
    const { unknown, unreadable } = this;
    const since = { unknown: unknown - this.#told.unknown, unreadable: unreadable - this.#told.unreadable };
    this.#told = { unknown, unreadable };
    return since;
  }
}
