/** What docker-compose.yml and the provisioning folders say: that it parses, that what they name is there, pinned. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PROMETHEUS_UID } from '../../dashboards/src/rules';
import { fromEnvironment } from '../../src/config/sources';
import { testFolder } from '../support/folder';
import { COLLECTOR_CONFIG } from '../support/otelcol';

const ROOT = join(__dirname, '../..');
const folder = testFolder('compose');
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');
// Anchors are merged as compose does.
const yaml = <T>(path: string) => parse(text(path), { merge: true, strict: true }) as T;

interface Service {
  image: string;
  build?: string;
  profiles?: string[];
  user?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  healthcheck?: { test?: string[] };
  depends_on?: Record<string, { condition: string }>;
}

const compose = yaml<{ services: Record<string, Service>; volumes: Record<string, null> }>(
  'docker-compose.yml',
);
const services = Object.entries(compose.services);
const service = (name: string) => compose.services[name] as Service;

describe('docker-compose.yml', () => {
  test('brings what the README says', () => {
    const always = services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name);
    expect(always.sort()).toEqual(['collector', 'dupescope', 'grafana', 'kafka', 'prometheus', 'tempo']);
    expect(service('demo').profiles).toEqual(['demo']);
    expect(service('attached').profiles).toEqual(['attach']);
    expect(service('kafka').image).toBe('apache/kafka:4.3.0');
    expect(service('grafana').image).toMatch(/^grafana\/grafana:13\./);
  });

  test.each(services)('%s: pinned, on loopback, with volumes that exist', (_name, one) => {
    expect(one.image).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+$/);
    for (const port of one.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const volume of one.volumes ?? []) {
      const [from = '', , mode] = volume.split(':');
      if (from.startsWith('.')) {
        expect([from, existsSync(join(ROOT, from)), mode]).toEqual([from, true, 'ro']);
      } else {
        expect(Object.keys(compose.volumes)).toContain(from);
      }
    }
  });

  test('waits for what it needs, and only for what has a health check', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const isChecked =
          service(needed).healthcheck?.test !== undefined || service(needed).build !== undefined;
        expect([name, needed, condition]).toEqual([
          name,
          needed,
          isChecked ? 'service_healthy' : 'service_started',
        ]);
      }
    }
  });

  test('Grafana and whoever writes the store are one user', () => {
    const writers = services.filter(([, { volumes = [] }]) =>
      volumes.some((volume) => volume.startsWith('store:')),
    );
    expect(writers.map(([name]) => name).sort()).toEqual(['attached', 'demo', 'dupescope', 'grafana']);
    expect(new Set(writers.map(([, { user }]) => user)).size).toBe(1);
    expect(text('Dockerfile')).toMatch(/^USER node$/m);
    // Which may be any user: new volumes must be open to it.
    expect(text('Dockerfile')).toMatch(/install .*-m 0777 .*\/data/);
  });

  test('the settings are ones that Dupescope knows', () => {
    for (const name of ['dupescope', 'attached']) {
      const env = Object.entries(service(name).environment ?? {}).filter(([key]) =>
        key.startsWith('DUPESCOPE_'),
      );
      // Throws at a name that is not known.
      const read = fromEnvironment(Object.fromEntries(env));
      expect(read.length).toBe(env.length);
    }
  });

  /** The plugin of Docker's client, or Debian's package (installed by .ci/run); neither needs an engine for this. */
  const COMPOSE = [['docker', 'compose'], ['docker-compose']].find(
    ([command = '', ...args]) => spawnSync(command, [...args, 'version']).status === 0,
  );

  const composed = (file: string, profile: string) => {
    const [command = '', ...args] = COMPOSE as string[];
    const asked = [...args, '-f', file, '--project-directory', ROOT, '--profile', profile, 'config', '-q'];
    return spawnSync(command, asked, { encoding: 'utf8' });
  };

  (COMPOSE === undefined ? test.skip : test)('docker compose agrees', () => {
    for (const profile of ['demo', 'attach']) {
      const { status, stderr } = composed(join(ROOT, 'docker-compose.yml'), profile);
      expect([status, stderr]).toEqual([0, '']);
    }
    // And it can refuse: a setting of a service that there is not.
    const wrong = join(folder, 'docker-compose.yml');
    writeFileSync(wrong, text('docker-compose.yml').replace('restart: unless-stopped', 'restarts: always'));
    expect(composed(wrong, 'demo').status).not.toBe(0);
  });
});

describe('provisioning', () => {
  interface Sources {
    datasources: { uid: string; type: string; url?: string; jsonData?: Record<string, unknown> }[];
  }
  const FOLDER = 'dashboards/grafana/provisioning';
  const sources = yaml<Sources>(`${FOLDER}/datasources/dupescope.yaml`).datasources;
  const rules = yaml<{
    groups: {
      interval: string;
      rules: { condition: string; data: { refId: string; datasourceUid: string }[] }[];
    }[];
  }>(`${FOLDER}/alerting/rules.yaml`).groups;

  test('the data sources are those that the dashboards and rules ask for', () => {
    expect(sources.map(({ type }) => type)).toEqual(['prometheus', 'tempo', 'frser-sqlite-datasource']);
    expect(sources[0]?.uid).toBe(PROMETHEUS_UID);
    // Exemplars lead to a source that is there.
    expect(sources[0]?.jsonData).toMatchObject({
      exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: sources[1]?.uid }],
    });
    expect(sources[2]?.jsonData).toMatchObject({ pathPrefix: 'file:', pathOptions: 'mode=ro' });
  });

  test('each rule names data sources and results that are there', () => {
    const uids = new Set([...sources.map(({ uid }) => uid), '__expr__']);
    for (const { interval, rules: all } of rules) {
      // A multiple of ten seconds, or Grafana does not start.
      expect(interval).toMatch(/^\d+m$/);
      expect(all.length).toBeGreaterThan(0);
      for (const { condition, data } of all) {
        expect(data.map(({ refId }) => refId)).toContain(condition);
        for (const { datasourceUid } of data) expect(uids).toContain(datasourceUid);
      }
    }
  });

  test('what the files take from the environment is given by docker-compose.yml', () => {
    const named = ['datasources', 'dashboards'].flatMap((folder) =>
      [...text(`${FOLDER}/${folder}/dupescope.yaml`).matchAll(/\$(\w+)/g)].map(([, name]) => name as string),
    );
    expect(named.length).toBe(4);
    for (const name of named) expect(service('grafana').environment).toHaveProperty(name);
    // And nothing is taken that only looks like it.
    expect(text(`${FOLDER}/alerting/rules.yaml`)).not.toContain('$');
    const mounted = (service('grafana').volumes ?? []).map((volume) => volume.split(':')[1]);
    expect(mounted).toContain(service('grafana').environment?.DUPESCOPE_DASHBOARDS_PATH);
  });

  test('Prometheus and the collector take theirs', () => {
    const file = join(ROOT, 'dashboards/prometheus/prometheus.yml');
    const checked = spawnSync('promtool', ['check', 'config', file], { encoding: 'utf8' });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
    expect(existsSync(COLLECTOR_CONFIG)).toBe(true);
    expect(yaml<object>('otel/tempo.yaml')).toHaveProperty('storage.trace.backend', 'local');
  });
});
