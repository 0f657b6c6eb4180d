/**
 * A real OpenTelemetry Collector with our configuration: `OTELCOL`, or `otelcol` on the PATH. `.ci/run` builds one.
 */
import { spawnSync } from 'node:child_process';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { COLLECTOR_CONFIG, otelcol, startCollector } from '../support/otelcol';
import { OtlpReceiver } from '../support/otlp-receiver';
import { repeats, Scene } from '../support/otlp-scene';

const folder = testFolder('otelcol');
const found = otelcol();
const collector = found ?? '';

if (found === null) {
  console.warn('No OpenTelemetry Collector: set OTELCOL to its binary, and the tests with a real one run.');
}

(found === null ? describe.skip : describe)('a real collector', () => {
  test('takes our configuration', () => {
    const checked = spawnSync(collector, ['validate', '--config', COLLECTOR_CONFIG]);
    expect([checked.status, String(checked.stderr)]).toEqual([0, '']);
  });

  test('keeps every redelivery, and hands it on', async () => {
    const receiver = await OtlpReceiver.listen();
    const running = await startCollector(collector, receiver.url, folder);
    try {
      const scene = new Scene(running.url);
      const { before } = await scene.play(() => true);
      const again = () => repeats(receiver, scene, before);
      await until('all redeliveries are handed on', () => again().length === before.size, 20_000);
      expect(running.log()).not.toMatch(/error/i);
    } finally {
      await running.stop();
      await receiver.close();
    }
  }, 120_000);
});
