/** What a browser puts into a target before it sends it to Grafana's back end: data source and variables. */
import type { Target, Variable } from './grafana-client';
import { PROMETHEUS_UID } from './rules';

/** By the type that the target names; the variables lead there in the provisioned Grafana. */
const UIDS: Readonly<Record<string, string>> = {
  prometheus: PROMETHEUS_UID,
  'frser-sqlite-datasource': 'dupescope-store',
};

/** Where a data source variable leads in the provisioned Grafana. */
const uidOf = ({ type, uid }: { type: string; uid: string }) => UIDS[type] ?? uid;

/** All names, a record that need not be there. */
const SQL: Readonly<Record<string, string>> = {
  record_topic: "''",
  record_partition: "'0'",
  record_offset: "'0'",
};
const RATE_INTERVAL = '1m';

export function filled(target: Target, { from, to }: { from: number; to: number }): Target {
  const datasource = { ...target.datasource, uid: uidOf(target.datasource) };
  const common = { ...target, datasource, intervalMs: 15_000, maxDataPoints: 500 };
  if (target.expr !== undefined) {
    const range = `${Math.round((to - from) / 1000)}s`;
    const timed = target.expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$__range', range);
    return { ...common, expr: forAll(timed) };
  }
  const queryText = (target.rawQueryText ?? '')
    .replaceAll('$__from', String(from))
    .replaceAll('$__to', String(to))
    .replace(/\$\{(\w+):sqlstring\}/g, (_all, name: string) => SQL[name] ?? "'*'");
  return { ...common, queryText, rawQueryText: queryText };
}

const forAll = (promql: string) => promql.replace(/\$\w+/g, '.*');

/** What a variable asks: labels of Prometheus, or a statement. Null: nothing of a data source's. */
export type VariableQuery = { uid: string; label: string; match: string } | { target: Target };

export function variableQuery(
  { query, datasource, type }: Variable,
  range: { from: number; to: number },
): VariableQuery | null {
  if (type !== 'query' || query === undefined || datasource === undefined) return null;
  const labels = /^label_values\((.+), *(\w+)\)$/s.exec(query);
  if (labels !== null) {
    const [, match = '', label = ''] = labels;
    return { uid: uidOf(datasource), label, match: forAll(match) };
  }
  const asked = { refId: 'A', datasource, queryText: query, rawQueryText: query, queryType: 'table' };
  return { target: filled(asked, range) };
}
