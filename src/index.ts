/**
 * The library's public face.
 *
 *     const kafka = instrument(new Kafka({ clientId, brokers }), { store: './dupescope.db' });
 *     const kafka = instrument(new Kafka({ clientId, brokers }), { service: 'http://dupescope:7475' });
 *     await consumer.run({ eachMessage: idempotent(handler, { name: 'billing' }) });
 */
import { makeIdempotent } from './check';
import { embeddedSink } from './embedded';
import type { Kafka } from './kafka/client-shape';
import { recordHits } from './kafka/delivery';
import { observeClient } from './kafka/instrument';
import { checkOptions, type InstrumentOptions } from './kafka/options';
import type { Sink } from './kafka/sink';
import { problemTeller } from './process-sink';
import { reportingSink } from './reporting';
import { storeError } from './store/open';

export {
  type Answer,
  type Attempt,
  type CheckedBatchHandler,
  type CheckedHandler,
  type CheckStore,
  type Claim,
  type FindIdentity,
  type Hit,
  type Idempotent,
  type IdempotentOptions,
  IdReuse,
  type PostgresClient,
  type PostgresPool,
  type Reuse,
  type StoreOption,
} from './check';
export type { IdentityChoice, IdentityRules } from './identity';
export { type Delivery, deliveryOf, type HitAbout, recordHit } from './kafka/delivery';
export type { InstrumentOptions } from './kafka/options';
export type { PastDelivery } from './kafka/sink';

/**
 * Records every delivery that the client's consumers hand to a handler.
 *
 * @param kafka a kafkajs client, from any copy of kafkajs; the same object comes back, its consumers observed
 * @param options see `InstrumentOptions`
 * @throws DupescopeError 'not-a-kafka-client' or 'bad-configuration'. Nothing throws later: what fails is told by
 *   `onProblem`, and the application runs on.
 */
export function instrument<T extends Kafka>(kafka: T, options: InstrumentOptions = {}): T {
  const checked = checkOptions(options);
  let sink: Sink | null | undefined;
  return observeClient(kafka, {
    pastLimitMs: checked.pastLimitMs,
    everyRecord: checked.journalEveryRecord,
    stamp: checked.stamp,
    tracing: checked.tracing,
    sink: () => {
      if (sink) return sink;
      try {
        const { service } = checked;
        sink =
          service === null
            ? embeddedSink(checked, options.onProblem)
            : reportingSink({ ...service, journalLimitBytes: checked.journalLimitBytes }, options.onProblem);
      } catch (error) {
        sink = null;
        problemTeller(options.onProblem)(storeError(checked.store, error));
      }
      return sink;
    },
  });
}

/** The check: a handler that is called once for each message. Works with and without `instrument`; see docs/idempotent.md. */
export const idempotent = makeIdempotent({ tellHits: recordHits });
