/** What docker-compose.yml and the provisioning folders say: that it parses, that what they name is there, pinned. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ALERTS, pageOf } from '../../dashboards/src/alerts';
import { EVIDENCE_UID, evidence } from '../../dashboards/src/evidence';
import { PROMETHEUS_UID } from '../../dashboards/src/rules';
import { ofRecord, TRACES_UID } from '../../dashboards/src/traceql';
import { CONFIG_SCHEMA } from '../../src/config/schema';
import { SETTINGS } from '../../src/config/settings';
import { fromEnvironment } from '../../src/config/sources';
import { filled } from '../../src/page/logic/links';
import { OTHER_PATHS } from '../../src/service/openapi';
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
  extra_hosts?: string[];
  healthcheck?: { test?: string[] };
  depends_on?: Record<string, { condition: string }>;
}

const compose = yaml<{ services: Record<string, Service>; volumes: Record<string, null> }>(
  'docker-compose.yml',
);
const services = Object.entries(compose.services);
const service = (name: string) => compose.services[name] as Service;

/** As compose fills in a variable that is not set. */
const withDefaults = (value: string) => value.replace(/\$\{\w+(?::-([^}]*))?\}/g, '$1');

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
      const [from = '', , mode] = withDefaults(volume).split(':');
      if (from.startsWith('.')) {
        expect([from, existsSync(join(ROOT, from)), mode]).toEqual([from, true, 'ro']);
      } else {
        expect(Object.keys(compose.volumes)).toContain(from);
      }
    }
  });

  test('waits for what it needs, and only for what has a health check; for Tempo nobody waits', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const isChecked =
          needed !== 'tempo' &&
          (service(needed).healthcheck?.test !== undefined || service(needed).build !== undefined);
        expect([name, needed, condition]).toEqual([
          name,
          needed,
          isChecked ? 'service_healthy' : 'service_started',
        ]);
      }
    }
  });

  test('who has not logged in may follow links to traces: on loopback alone', () => {
    const { environment = {} } = service('grafana');
    expect(environment.GF_AUTH_ANONYMOUS_ENABLED).toBe('true');
    expect(withDefaults(environment.GF_AUTH_ANONYMOUS_ORG_ROLE ?? '')).toBe('Editor');
    for (const port of service('grafana').ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    const boards = yaml<{ providers: { allowUiUpdates: boolean }[] }>(
      'dashboards/grafana/provisioning/dashboards/dupescope.yaml',
    );
    expect(boards.providers.map(({ allowUiUpdates }) => allowUiUpdates)).toEqual([false]);
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

  test('attaching: every setting of a cluster is taken from the environment by the same name', () => {
    const attached = service('attached');
    const fixed = ['STORE', 'LISTEN', 'TOKEN', 'TOKEN_FILE', 'INSECURE_NO_TOKEN', 'ALLOWED_HOSTS'];
    const ours = new Set([...fixed, 'GRAFANA_URL', 'TRACES_URL'].map((name) => `DUPESCOPE_${name}`));
    for (const { variable } of SETTINGS) {
      if (variable === undefined || ours.has(variable)) continue;
      const taken = variable.replace('DUPESCOPE_', 'ATTACH_');
      expect([variable, attached.environment?.[variable]]).toEqual([variable, `\${${taken}:-}`]);
    }
    expect(attached.volumes).toContain(`\${ATTACH_CERTS:-certs}:/certs:ro`);
    expect(attached.extra_hosts).toEqual(['host.docker.internal:host-gateway']);
    expect(attached.environment?.OTEL_EXPORTER_OTLP_ENDPOINT).toBe(
      `\${ATTACH_OTLP_ENDPOINT:-http://collector:4318}`,
    );
  });

  describe.each([
    ['dupescope', 'dupescope-store', 7475],
    ['attached', 'dupescope-attached', 7476],
  ] as const)("%s: the page's links", (name, store, port) => {
    const template = (key: string) => withDefaults(service(name).environment?.[key] ?? '');
    const values = { cluster: 'c', group: 'a b', topic: 'orders', partition: 3, offset: 42, from: 1, to: 2 };

    test('lead to what is provisioned, of this store', () => {
      const url = template('DUPESCOPE_GRAFANA_URL');
      expect(CONFIG_SCHEMA.shape.grafanaUrl.parse(url)).toBe(url);
      const { origin, pathname, searchParams } = new URL(filled(url, values));
      expect([origin, pathname]).toEqual(['http://127.0.0.1:3000', `/d/${EVIDENCE_UID}`]);
      const { templating } = evidence();
      const known = (templating.list ?? []).map((variable) => `var-${variable.name}`);
      for (const asked of searchParams.keys()) expect([...known, 'from', 'to']).toContain(asked);
      expect(searchParams.get('var-sqlite')).toBe(store);
      expect(searchParams.get('var-service')).toBe(`http://127.0.0.1:${port}`);
      expect(searchParams.get('var-group')).toBe('a b');
      expect(new URL(filled(url, { ...values, group: null })).searchParams.has('var-group')).toBe(false);
    });

    test("ask for a record's traces as the dashboard does", () => {
      const url = template('DUPESCOPE_TRACES_URL');
      expect(CONFIG_SCHEMA.shape.tracesUrl.parse(url)).toBe(url);
      const { pathname, searchParams } = new URL(filled(url, values));
      expect(pathname).toBe('/explore');
      interface Pane {
        datasource: string;
        queries: { query: string }[];
        range: object;
      }
      const pane = (JSON.parse(searchParams.get('panes') ?? '') as { t: Pane }).t;
      expect(pane).toMatchObject({ datasource: TRACES_UID, range: { from: '1', to: '2' } });
      expect(pane.queries[0]?.query).toBe(ofRecord({ topic: 'orders', partition: '3', offset: '42' }));
    });
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

describe('Dockerfile', () => {
  const lines = text('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
  const those = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  /** In falling precedence: the last pattern that names a path decides. */
  const ignored = text('.dockerignore').split('\n').filter(Boolean).reverse();
  const isIgnored = (path: string) => {
    const told = ignored.find((line) => {
      const pattern = line.replace(/^!/, '');
      return pattern === '*' || path === pattern || path.startsWith(`${pattern}/`);
    });
    return told !== undefined && !told.startsWith('!');
  };

  test('what is copied is there, and not ignored', () => {
    const sources = those('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(/\s+/).slice(0, -1));
    expect(sources).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'src', 'docs']));
    for (const path of sources) {
      expect([path, existsSync(join(ROOT, path)), isIgnored(path)]).toEqual([path, true, false]);
    }
    for (const path of ['node_modules', 'test/grafana', '.git', 'docs/page/overview.png']) {
      expect([path, isIgnored(path)]).toEqual([path, true]);
    }
    // What the build stage makes is what it runs.
    expect(those('COPY')).toContain('--from=build /build/dist ./dist');
    expect(those('ENTRYPOINT')).toEqual(['["node", "/app/dist/cli/main.js"]']);
    const { bin } = JSON.parse(text('package.json')) as { bin: { dupescope: string } };
    expect(`/app/${bin.dupescope}`).toBe('/app/dist/cli/main.js');
  });

  test('both stages are the same pinned image', () => {
    const images = those('FROM').map((line) => line.split(' ')[0]);
    expect(images.length).toBe(2);
    for (const image of images) expect(image).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim$/);
    expect(new Set(images).size).toBe(1);
  });

  test('its health check asks whether the service answers, where it listens', () => {
    const [check = ''] = those('HEALTHCHECK');
    const url = new URL(/fetch\('([^']+)'\)/.exec(check)?.[1] ?? '');
    // Ready is what a large cluster makes it wait for: it is not ill meanwhile.
    expect(url.pathname).toBe('/healthz');
    expect(OTHER_PATHS.some(({ path }) => path === url.pathname)).toBe(true);
    const [variables = ''] = those('ENV');
    expect(variables).toContain(`DUPESCOPE_LISTEN=${url.host}`);
    expect(those('EXPOSE')).toEqual([url.port]);
    // Compose has it listen for its network too.
    for (const name of ['dupescope', 'attached']) {
      expect(service(name).environment?.DUPESCOPE_LISTEN).toBe(`0.0.0.0:${url.port}`);
    }
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
    const sqlite = 'frser-sqlite-datasource';
    expect(sources.map(({ type }) => type)).toEqual(['prometheus', 'tempo', sqlite, sqlite]);
    const uids = [PROMETHEUS_UID, TRACES_UID, 'dupescope-store', 'dupescope-attached'];
    expect(sources.map(({ uid }) => uid)).toEqual(uids);
    // Exemplars lead to a source that is there.
    expect(sources[0]?.jsonData).toMatchObject({
      exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: sources[1]?.uid }],
    });
    for (const { jsonData } of sources.slice(2)) {
      expect(jsonData).toMatchObject({ pathPrefix: 'file:', pathOptions: 'mode=ro' });
    }
    // Each the file that its service writes.
    const { DUPESCOPE_STORE_PATH, DUPESCOPE_ATTACHED_STORE_PATH } = service('grafana').environment ?? {};
    expect(withDefaults(DUPESCOPE_STORE_PATH ?? '')).toBe(
      /DUPESCOPE_STORE=(\S+)/.exec(text('Dockerfile'))?.[1],
    );
    expect(DUPESCOPE_ATTACHED_STORE_PATH).toBe(service('attached').environment?.DUPESCOPE_STORE);
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
    expect(named.length).toBe(5);
    for (const name of named) expect(service('grafana').environment).toHaveProperty(name);
    // And nothing is taken that only looks like it.
    expect(text(`${FOLDER}/alerting/rules.yaml`)).not.toContain('$');
    const mounted = (service('grafana').volumes ?? []).map((volume) => volume.split(':')[1]);
    expect(mounted).toContain(service('grafana').environment?.DUPESCOPE_DASHBOARDS_PATH);
  });

  test('alerts lead to the address at which compose opens the service', () => {
    const open = withDefaults(service('dupescope').ports?.[0] ?? '').replace(/:7475$/, '');
    const links = [...text(`${FOLDER}/alerting/rules.yaml`).matchAll(/runbook_url: (\S+)/g)].map(
      ([, to]) => to,
    );
    expect(links).toEqual(ALERTS.map((alert) => `http://${open}/docs/alerts/${pageOf(alert)}.md`));
    // Prometheus follows it to another port.
    const url = service('prometheus').environment?.DUPESCOPE_URL ?? '';
    expect(service('dupescope').ports).toContain(`${url.replace('http://', '')}:7475`);
    const { global } = yaml<{ global: { external_labels: object } }>('dashboards/prometheus/prometheus.yml');
    expect(global.external_labels).toEqual({ dupescope_url: `\${DUPESCOPE_URL}` });
  });

  test('Prometheus and the collector take theirs', () => {
    const file = join(ROOT, 'dashboards/prometheus/prometheus.yml');
    const checked = spawnSync('promtool', ['check', 'config', file], { encoding: 'utf8' });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
    expect(existsSync(COLLECTOR_CONFIG)).toBe(true);
    // Its health stands in a file beside it, for distributions that can tell it; the image can run no check of its own.
    const { command = [], volumes = [], ports = [] } = service('collector');
    const mounted = volumes.map((volume) => volume.split(':')[1]);
    expect(command.map((flag) => flag.replace('--config=', ''))).toEqual(mounted);
    const health = yaml<{ extensions: { health_check: { endpoint: string } } }>('otel/health.yaml');
    expect(health).toHaveProperty('service.extensions', Object.keys(health.extensions));
    const port = /:(\d+)$/.exec(health.extensions.health_check.endpoint)?.[1];
    expect(ports.map((one) => one.split(':').at(-1))).toContain(port);
    const tempo = yaml<object>('otel/tempo.yaml');
    expect(tempo).toHaveProperty('storage.trace.backend', 'local');
    // Nothing here tells anybody that it runs.
    expect(tempo).toHaveProperty('usage_report.reporting_enabled', false);
  });
});
