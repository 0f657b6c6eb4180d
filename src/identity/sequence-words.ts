/** What a producer's sequence that was seen twice means for who runs the cluster. */

/** @param latest the batch that was found last; null: it is past its retention */
export function sequenceWords(
  topic: string,
  batches: number,
  latest: { partition: number; offset: number } | null,
): string {
  const many = batches === 1 ? '1 record batch bears' : `${batches} record batches bear`;
  const where = latest === null ? '' : ` (the latest at ${topic}/${latest.partition}/${latest.offset})`;
  return `${topic}: ${many} sequences that their producer had used before${where}: the broker had lost what it knew of the producer, and let through what it refuses else. Look for an unclean leader election, deleted records, or a producer that was silent for longer than producer.id.expiration.ms`;
}
