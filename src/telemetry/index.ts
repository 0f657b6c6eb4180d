/**
 * Traces and metrics, where the application has OpenTelemetry. The library's part needs `@opentelemetry/api` alone,
 * and that only from the application: `api` finds it, `tracer` and `meters` hold what is registered, the span files
 * make spans of deliveries, commits and seeks. The service alone uses `exporting` and `finding-spans`.
 */
export { activeTrace } from './active-trace';
export { type Consuming, errorType } from './attributes';
export { type Carries, carries } from './carrier';
export { DEFAULT_TRACING, isTracing, shareOf, type Tracing, tracingFrom } from './choice';
export {
  Delivering,
  DeliverySpans,
  FIRST,
  type HitShape,
  hitAttributes,
  type KnownCause,
  type Place,
  type Previous,
  type RecordShape,
  type Standing,
} from './delivery-spans';
export { type Exposed, exposeBy, type Meters, meterAttributes, registeredMeters } from './meters';
export { commitSpan, seekSpan } from './offset-spans';
export { handlerBelow, isWrapped, warnOfOtherTracing } from './other-tracing';
export { registeredSpans, type Spans } from './tracer';
