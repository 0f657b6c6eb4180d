/** What a browser puts into a target before it sends it to Grafana's back end: data source and variables. */
import type { Target } from './grafana-client';
import { PROMETHEUS_UID } from './rules';

/** By the type that the target names; the variables lead there in the provisioned Grafana. */
const UIDS: Readonly<Record<string, string>> = {
  prometheus: PROMETHEUS_UID,
  'frser-sqlite-datasource': 'dupescope-store',
};

/** All names, a record that need not be there. */
const SQL: Readonly<Record<string, string>> = {
  record_topic: "''",
  record_partition: "'0'",
  record_offset: "'0'",
};
const RATE_INTERVAL = '1m';

export function filled(target: Target, { from, to }: { from: number; to: number }): Target {
  const datasource = { ...target.datasource, uid: UIDS[target.datasource.type] ?? target.datasource.uid };
  const common = { ...target, datasource, intervalMs: 15_000, maxDataPoints: 500 };
  if (target.expr !== undefined) {
    const expr = target.expr
      .replaceAll('$__rate_interval', RATE_INTERVAL)
      .replaceAll('$__range', `${Math.round((to - from) / 1000)}s`)
      .replace(/\$\w+/g, '.*');
    return { ...common, expr };
  }
  const queryText = (target.rawQueryText ?? '')
    .replaceAll('$__from', String(from))
    .replaceAll('$__to', String(to))
    .replace(/\$\{(\w+):sqlstring\}/g, (_all, name: string) => SQL[name] ?? "'*'");
  return { ...common, queryText, rawQueryText: queryText };
}
