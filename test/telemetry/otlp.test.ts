/** Over the wire: a consumer killed in mid-batch, another that gets the records again. */
import { OtlpReceiver, type WireSpan } from '../support/otlp-receiver';
import { CARRIER, deliveriesIn, offsetOf, PARENT, previousOf, repeats, Scene } from '../support/otlp-scene';

describe('OTLP over HTTP', () => {
  test.each(['eachMessage', 'eachBatch'] as const)(
    '%s: the attempts of records in two processes, one of them killed, are one trace with links',
    async (handler) => {
      const receiver = await OtlpReceiver.listen();
      try {
        const scene = new Scene(receiver.url, handler);
        const { before: had, firstPid } = await scene.play(
          () => deliveriesIn(receiver, scene, 'first').length > 10,
        );
        const before = deliveriesIn(receiver, scene, 'first');
        const again = repeats(receiver, scene, had);
        // Each record that the first one had.
        expect(again.map(offsetOf)).toEqual([...had.keys()].sort((a, b) => a - b));
        let linked = 0;
        for (const span of again) {
          const attempt = had.get(offsetOf(span)) as number;
          expect(span).toMatchObject({ kind: 5, status: 0 });
          const earlier = before.find(
            (one) =>
              offsetOf(one) === offsetOf(span) && one.attributes['dupescope.delivery.attempt'] === attempt,
          );
          const link = previousOf(span);
          expect(link?.attributes).toMatchObject({
            'process.pid': firstPid,
            'dupescope.delivery.attempt': attempt,
          });
          if (earlier === undefined) continue;
          linked++;
          expect([link?.traceId, link?.spanId]).toEqual([earlier.traceId, earlier.spanId]);
          expect([span.traceId, span.parentSpanId]).toEqual([earlier.traceId, earlier.parentSpanId]);
        }
        expect(before.length).toBeGreaterThan(10);
        expect(linked).toBeGreaterThan(10);
        expect(before.map(offsetOf)).toContain(CARRIER);
        expect(again.find((span) => offsetOf(span) === CARRIER)).toMatchObject({
          traceId: PARENT.traceId,
          parentSpanId: PARENT.spanId,
        });
        // What the first one did last, and by eachBatch its last batch, could not be told by a span; the link tells of
        // it, from the ledger.
        const last = again.at(-1) as WireSpan;
        expect(before.map(offsetOf)).not.toContain(offsetOf(last));
        expect(['in_flight', 'handled']).toContain(
          previousOf(last)?.attributes['dupescope.delivery.outcome'],
        );
      } finally {
        await receiver.close();
      }
    },
    120_000,
  );
});
