/** Grafana's HTTP API, as far as the smoke test asks it. Works from version 10 on. */

export interface Target {
  refId: string;
  datasource: { type: string; uid: string };
  expr?: string;
  queryText?: string;
  rawQueryText?: string;
}

export interface Panel {
  type: string;
  title: string;
  targets: Target[];
}

export interface Annotation {
  name: string;
  /** Missing: Grafana's own, of what people wrote down. */
  target?: Target;
}

export interface Variable {
  name: string;
  type: string;
  /** Of what is no data source's: missing. */
  query?: string;
  datasource?: { type: string; uid: string };
}

export interface Board {
  title: string;
  panels: Panel[];
  annotations?: { list?: Annotation[] };
  templating?: { list?: Variable[] };
}

export interface Rule {
  name: string;
  health: string;
  lastError?: string;
}

export interface QueryResult {
  error: string | null;
  /** How many values came. */
  values: number;
}

interface Frame {
  data?: { values?: unknown[][] };
}

const LIMIT_MS = 30_000;

export class GrafanaClient {
  private constructor(
    readonly url: string,
    private readonly authorization: string | null,
  ) {}

  static fromEnvironment(env: NodeJS.ProcessEnv): GrafanaClient {
    const url = (env.GRAFANA_URL || 'http://127.0.0.1:3000').replace(/\/+$/, '');
    if (env.GRAFANA_TOKEN) return new GrafanaClient(url, `Bearer ${env.GRAFANA_TOKEN}`);
    const login = `${env.GRAFANA_USER || 'admin'}:${env.GRAFANA_PASSWORD || 'admin'}`;
    return new GrafanaClient(url, `Basic ${Buffer.from(login).toString('base64')}`);
  }

  /** Somebody who has not logged in. */
  anonymous(): GrafanaClient {
    return new GrafanaClient(this.url, null);
  }

  async version(): Promise<string> {
    return (await this.get<{ version: string }>('/api/health')).version;
  }

  async dataSources(): Promise<string[]> {
    return (await this.get<{ uid: string }[]>('/api/datasources')).map(({ uid }) => uid);
  }

  /** Types of data sources that can be asked. */
  async plugins(): Promise<ReadonlySet<string>> {
    const plugins = await this.get<{ id: string }[]>('/api/plugins?type=datasource');
    return new Set(plugins.map(({ id }) => id));
  }

  /** Null: there is none. */
  async dashboard(uid: string): Promise<Board | null> {
    const answer = await this.ask(`/api/dashboards/uid/${uid}`);
    if (answer.status === 404) return null;
    return ((await read(answer)) as { dashboard: Board }).dashboard;
  }

  /** Whether who asks may use Explore; false: nor anything else, perhaps. */
  async mayExplore(): Promise<boolean> {
    const answer = await this.ask('/api/access-control/user/actions');
    if (!answer.ok) return false;
    return ((await answer.json()) as Record<string, boolean>)['datasources:explore'] === true;
  }

  async rules(): Promise<Rule[]> {
    const body = await this.get<{ data: { groups: { rules: Rule[] }[] } }>(
      '/api/prometheus/grafana/api/v1/rules',
    );
    return body.data.groups.flatMap(({ rules }) => rules);
  }

  /** Runs one target by the back end. Its errors are part of the answer. */
  async query(target: Target, { from, to }: { from: number; to: number }): Promise<QueryResult> {
    const body = JSON.stringify({ queries: [target], from: String(from), to: String(to) });
    const headers = { 'content-type': 'application/json' };
    const answer = await this.ask('/api/ds/query', { method: 'POST', body, headers });
    const text = await answer.text();
    const parsed = jsonOf(text) as {
      message?: string;
      results?: Record<string, { error?: string; frames?: Frame[] }>;
    } | null;
    const result = parsed?.results?.[target.refId];
    if (result === undefined)
      return { error: parsed?.message ?? `${answer.status} ${text.slice(0, 200)}`, values: 0 };
    const values = (result.frames ?? []).reduce((sum, { data }) => sum + (data?.values?.[0]?.length ?? 0), 0);
    return { error: result.error ?? null, values };
  }

  /** Values of a label of the series that match, as a variable asks for them: by the data source itself. */
  async labelValues(
    uid: string,
    { label, match }: { label: string; match: string },
    { from, to }: { from: number; to: number },
  ): Promise<QueryResult> {
    const seconds = (at: number) => String(Math.floor(at / 1000));
    const asked = new URLSearchParams({ 'match[]': match, start: seconds(from), end: seconds(to) });
    const answer = await this.ask(
      `/api/datasources/uid/${uid}/resources/api/v1/label/${label}/values?${asked}`,
    );
    const text = await answer.text();
    const { data } = (jsonOf(text) ?? {}) as { data?: unknown[] };
    if (!answer.ok || data === undefined)
      return { error: `${answer.status} ${text.slice(0, 200)}`, values: 0 };
    return { error: null, values: data.length };
  }

  private async get<T>(path: string): Promise<T> {
    return (await read(await this.ask(path))) as T;
  }

  private ask(path: string, options: RequestInit = {}): Promise<Response> {
    const { authorization } = this;
    const login = authorization === null ? {} : { authorization };
    const headers = { ...options.headers, ...login };
    return fetch(this.url + path, { ...options, headers, signal: AbortSignal.timeout(LIMIT_MS) });
  }
}

async function read(answer: Response): Promise<unknown> {
  if (!answer.ok)
    throw new Error(`${answer.status} from ${answer.url}: ${(await answer.text()).slice(0, 200)}`);
  return answer.json();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
