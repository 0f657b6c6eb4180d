/**
 * The ledger: how often each record was delivered to each group, by whom, and what became of it. Pure: same
 * evidence, same answer, whatever the order in which it came.
 *
 * Evidence tells runs (contiguous deliveries of one session). `interval` keeps the count of every offset as
 * disjoint intervals; `attempt` tells from the runs that cover an offset which delivery was a redelivery of
 * which; `outcome` tells what became of one record in one run, `cause` why it was delivered again, `account` what came of
 * the copies (`duplicate-account`: over all places of one message), and `exposure` what a crash now would redeliver. `skip` tells what was passed over, `verdict` which promise
 * held, and `incident` puts findings together that a person should read as one; `producer-advice` reads a producer's
 * settings.
 */
export * from './account';
export * from './attempt';
export * from './cause';
export * from './check-words';
export * from './counts';
export * from './duplicate-account';
export * from './evidence';
export * from './exposure';
export * from './group-evidence';
export * from './incident';
export * from './interval';
export * from './loss-words';
export * from './outcome';
export * from './producer-advice';
export * from './redelivery-evidence';
export * from './rewind-cause';
export * from './skip';
export * from './verdict';
