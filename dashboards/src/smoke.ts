/**
 * `npm run smoke:grafana`: asks a running Grafana, by its own HTTP API, for everything that was provisioned: the data
 * sources, dashboards and alert rules are there, and each target of each panel and annotation is run by /api/ds/query, as
 * a browser would have it run; so is what the variables ask.
 *
 *     GRAFANA_URL                       default http://127.0.0.1:3000
 *     GRAFANA_TOKEN                     or GRAFANA_USER and GRAFANA_PASSWORD (default admin, admin: then it is taken to be
 *                                       that of docker-compose.yml, where anybody may look and explore)
 *     SMOKE_FROM                        beginning of the time range, in minutes ago (default 60)
 *     SMOKE_LOOSE=1                     targets without data are listed and are no failure
 *
 * Targets of a data source whose plugin is not installed are listed as not run. Exit code: 0 all well; 1 something is
 * missing or answered an error (or no data); 2 Grafana cannot be asked.
 */
import { ALERTS, pageOf } from './alerts';
import { EVIDENCE_UID } from './evidence';
import { type Board, GrafanaClient, type QueryResult, type Target } from './grafana-client';
import { OVERVIEW_UID } from './overview';
import { filled, variableQuery } from './smoke-values';
import { TRACES_UID } from './traceql';

const SOURCES = ['dupescope-prometheus', TRACES_UID, 'dupescope-store', 'dupescope-attached'];
/** Panels and annotations that are empty where nothing of the kind happened. */
const MAY_BE_EMPTY =
  /^(Stalled commits|Committed early, and skipped|Idempotency hits|Duplicates|Duplicates by cause|Open incidents|Life of the record|Rewinds|Copies caught|Catch ratio by group|Redeliveries by cause|Deliveries|Consumer lag, in time|Identities reach back|annotation )/;

type Verdict = 'data' | 'no data' | 'error' | 'not run';

interface Line {
  what: string;
  verdict: Verdict;
  detail: string;
  isProblem: boolean;
}

async function main(): Promise<number> {
  const client = GrafanaClient.fromEnvironment(process.env);
  console.log(`${client.url}: Grafana ${await client.version()}`);
  const lines: Line[] = [];
  const missing = await provisioned(client);
  const { GRAFANA_TOKEN, GRAFANA_USER, GRAFANA_PASSWORD } = process.env;
  if (!GRAFANA_TOKEN && !GRAFANA_USER && !GRAFANA_PASSWORD)
    missing.push(...(await closed(client.anonymous())));
  for (const what of missing) console.log(`MISSING  ${what}`);
  const to = Date.now();
  const range = { from: to - Number(process.env.SMOKE_FROM ?? 60) * 60_000, to };
  const plugins = await client.plugins();
  for (const uid of [OVERVIEW_UID, EVIDENCE_UID]) {
    const board = await client.dashboard(uid);
    if (board === null) continue;
    for (const asked of askedBy(board, client, range)) lines.push(await run(asked, plugins, board.title));
  }
  for (const { what, verdict, detail, isProblem } of lines) {
    console.log(
      `${isProblem ? 'FAIL' : 'ok  '}  ${verdict.padEnd(8)} ${what}${detail === '' ? '' : `: ${detail}`}`,
    );
  }
  const count = (of: Verdict) => lines.filter(({ verdict }) => verdict === of).length;
  const told = (['data', 'no data', 'error', 'not run'] as const).map((of) => `${count(of)} ${of}`);
  console.log(`${lines.length} targets: ${told.join(', ')}; ${missing.length} missing`);
  return missing.length === 0 && lines.every(({ isProblem }) => !isProblem) ? 0 : 1;
}

/** What should have been provisioned and is not there, or not well. */
async function provisioned(client: GrafanaClient): Promise<string[]> {
  const missing: string[] = [];
  const sources = await client.dataSources();
  for (const uid of SOURCES) if (!sources.includes(uid)) missing.push(`data source ${uid}`);
  for (const uid of [OVERVIEW_UID, EVIDENCE_UID]) {
    if ((await client.dashboard(uid)) === null) missing.push(`dashboard ${uid}`);
  }
  const rules = await client.rules();
  for (const alert of ALERTS) {
    const rule = rules.find(({ name }) => name === `Dupescope${alert.name}`);
    if (rule === undefined) missing.push(`alert rule ${pageOf(alert)}`);
    else if (rule.health === 'error')
      missing.push(`alert rule ${pageOf(alert)}: ${rule.lastError ?? 'error'}`);
  }
  return missing;
}

/** What somebody who has not logged in cannot open. */
async function closed(anybody: GrafanaClient): Promise<string[]> {
  const shut: string[] = [];
  for (const uid of [OVERVIEW_UID, EVIDENCE_UID]) {
    const board = await anybody.dashboard(uid).catch(() => null);
    if (board === null) shut.push(`without a login: dashboard ${uid}`);
  }
  if (!(await anybody.mayExplore())) shut.push('without a login: Explore, where exemplars lead to traces');
  return shut;
}

interface Asked {
  /** Of the panel, or `annotation` and `variable` with their names. */
  title: string;
  refId: string;
  /** Type of the data source. */
  type: string;
  ask: () => Promise<QueryResult>;
}

/** All that a browser asks for a dashboard. */
function askedBy(board: Board, client: GrafanaClient, range: { from: number; to: number }): Asked[] {
  const asking = (title: string, target: Target): Asked => ({
    title,
    refId: target.refId,
    type: target.datasource.type,
    ask: () => client.query(filled(target, range), range),
  });
  const panels = board.panels.filter(({ type }) => type !== 'row');
  const annotations = board.annotations?.list ?? [];
  const variables = board.templating?.list ?? [];
  return [
    ...variables.flatMap((variable): Asked[] => {
      const query = variableQuery(variable, range);
      if (query === null) return [];
      const ask = () =>
        'target' in query ? client.query(query.target, range) : client.labelValues(query.uid, query, range);
      return [{ title: `variable ${variable.name}`, refId: '', type: variable.datasource?.type ?? '', ask }];
    }),
    ...annotations.flatMap(({ name, target }) =>
      // Grafana's own annotations ask nobody.
      target?.expr === undefined ? [] : [asking(`annotation ${name}`, target)],
    ),
    ...panels.flatMap(({ title, targets }) => targets.map((target) => asking(title, target))),
  ];
}

async function run(
  { title, refId, type, ask }: Asked,
  plugins: ReadonlySet<string>,
  board: string,
): Promise<Line> {
  const what = `${board}, ${title} ${refId}`.trim();
  if (!plugins.has(type)) {
    return { what, verdict: 'not run', detail: `the plugin ${type} is not installed`, isProblem: false };
  }
  return { what, ...judged(await ask(), title) };
}

function judged(result: QueryResult, title: string): Omit<Line, 'what'> {
  if (result.error !== null) return { verdict: 'error', detail: result.error, isProblem: true };
  if (result.values > 0) return { verdict: 'data', detail: '', isProblem: false };
  const isFine = process.env.SMOKE_LOOSE === '1' || MAY_BE_EMPTY.test(title);
  return { verdict: 'no data', detail: '', isProblem: !isFine };
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(`Grafana cannot be asked: ${error.message}`);
    process.exitCode = 2;
  },
);
