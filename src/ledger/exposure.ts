/** What would be delivered again if this consumer died now. */
export interface Exposure {
  records: number;
  /** Age of the oldest handled and uncommitted record. */
  ageMs: number;
}

/**
 * @param position `handled` and `committed` are next offsets; `exposedSince` in unix ms, 0 for nothing exposed
 * @param now unix ms
 */
export function exposureOf(
  position: { handled: number; committed: number; exposedSince: number },
  now: number,
): Exposure {
  if (position.exposedSince <= 0 || position.handled <= position.committed) return { records: 0, ageMs: 0 };
  return {
    records: position.handled - Math.max(0, position.committed),
    ageMs: Math.max(0, now - position.exposedSince),
  };
}
