/**
 * A real OpenTelemetry Collector with our configuration: `OTELCOL`, or `otelcol` on the PATH. `.ci/run` builds one.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { COLLECTOR_CONFIG, HEALTH_CONFIG, otelcol, startCollector } from '../support/otelcol';
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

  test('takes the extension that tells its health, or knows no such extension', () => {
    const files = [COLLECTOR_CONFIG, HEALTH_CONFIG].flatMap((file) => ['--config', file]);
    const checked = spawnSync(collector, ['validate', ...files]);
    // Contrib has it. What this one lacks is all that may be wrong.
    const hasIt = String(spawnSync(collector, ['components']).stdout).includes('health_check');
    expect([checked.status === 0, String(checked.stderr).trim()]).toEqual([
      hasIt,
      hasIt ? '' : expect.stringMatching(/error\(s\):\s+'extensions' unknown type: "health_check"[^\n]*$/),
    ]);
  });

  test('keeps every redelivery, and hands it on: sent as applications of docker-compose.yml send it', async () => {
    const receiver = await OtlpReceiver.listen();
    const running = await startCollector(collector, receiver.url, folder);
    try {
      const scene = new Scene(running.url, 'eachMessage', composeOtel());
      const { before } = await scene.play(() => true);
      const again = () => repeats(receiver, scene, before);
      await until('all redeliveries are handed on', () => again().length === before.size, 20_000);
      expect(running.log()).not.toMatch(/error/i);
    } finally {
      await running.stop();
      await receiver.close();
    }
  }, 120_000);

  test('keeps findings, hits and failures, and a share of the rest', async () => {
    const receiver = await OtlpReceiver.listen();
    const running = await startCollector(collector, receiver.url, folder);
    try {
      const wanted = [
        ...spansOf(50, 'finding', [text('dupescope.finding.kind', 'rewind')]),
        ...spansOf(50, 'hit', [attempt(1), { key: 'dupescope.idempotency.hit', value: { boolValue: true } }]),
        ...spansOf(50, 'failure', [attempt(1)], 2),
        ...spansOf(50, 'redelivery', [attempt(2)]),
      ];
      await sendSpans(running.url, [...wanted, ...spansOf(ORDINARY, 'ordinary', [attempt(1)])]);
      const names = () => receiver.all().map(({ name }) => name);
      const count = (name: string) => names().filter((one) => one === name).length;
      await until('what is wanted is handed on', () => receiver.all().length >= wanted.length, 20_000);
      await until(
        'all of it',
        () => ['finding', 'hit', 'failure', 'redelivery'].every((name) => count(name) === 50),
        20_000,
      );
      // By trace ids: 10 percent of 2,000, give or take seven times what chance makes of it.
      await until('a share of the rest came', () => count('ordinary') > 100, 20_000);
      // A later batch that is wanted goes through behind all of the first.
      await sendSpans(running.url, spansOf(1, 'last', [attempt(2)]));
      await until('the last one came', () => count('last') === 1, 20_000);
      expect(count('ordinary')).toBeLessThan(300);
    } finally {
      await running.stop();
      await receiver.close();
    }
  }, 120_000);
});

/** What compose gives its applications, but for where to: the protocol is what the SDK makes of it. */
function composeOtel(): Record<string, string> {
  const file = readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8');
  const { services } = parse(file, { merge: true }) as {
    services: Record<string, { environment?: Record<string, string> }>;
  };
  const of = (name: string) =>
    Object.fromEntries(
      Object.entries(services[name]?.environment ?? {}).filter(
        ([key]) => key.startsWith('OTEL_') && key !== 'OTEL_SERVICE_NAME',
      ),
    );
  const given = of('demo');
  expect(given).toEqual(of('dupescope'));
  expect(given.OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://collector:4318');
  return given;
}

const ORDINARY = 2_000;
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const attempt = (number: number) => ({ key: 'dupescope.delivery.attempt', value: { intValue: number } });

/** So many traces of one span each. @param code 2: ERROR */
function spansOf(count: number, name: string, attributes: object[], code = 0): object[] {
  const now = BigInt(Date.now()) * 1_000_000n;
  return Array.from({ length: count }, () => ({
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name,
    kind: 5,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 1_000_000n),
    attributes,
    status: { code },
  }));
}

async function sendSpans(url: string, spans: object[]): Promise<void> {
  const resource = { attributes: [text('service.name', 'test')] };
  const answer = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }),
  });
  expect(answer.status).toBe(200);
}
