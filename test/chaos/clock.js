/**
 * Loaded before everything else, also in worker threads: this process's wall clock is off by CHAOS_CLOCK_MS. The
 * monotonic clock is not: `process.hrtime` and performance.now() go on as they are.
 */
const offMs = Number(process.env.CHAOS_CLOCK_MS ?? 0);
if (offMs !== 0) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length === 0 ? [RealDate.now() + offMs] : given));
    }
    static now() {
      return RealDate.now() + offMs;
    }
  };
  const { timeOrigin } = performance;
  Object.defineProperty(performance, 'timeOrigin', { get: () => timeOrigin + offMs });
}
