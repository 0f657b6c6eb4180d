/** The transactions of this process, whoever's: what a consumer's records may be part of. */
export const transactions = {
  /** Producers with a transactionalId. */
  producers: 0,
  /** Begun and not ended. */
  open: 0,
};
