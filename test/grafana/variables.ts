/** Puts values in for variables, as Grafana does. */

export interface Choice {
  /** Of each variable; none: All. */
  names?: Readonly<Record<string, readonly string[]>>;
  /** Unix ms. Default: the last hour. */
  from?: number;
  to?: number;
  /** Of $__rate_interval. Default 1m. */
  interval?: string;
}

/** PromQL: several names are a regular expression, All is its own. */
export function substituted(expr: string, { names = {}, from, to, interval = '1m' }: Choice = {}): string {
  const range = from === undefined || to === undefined ? '1h' : `${Math.ceil((to - from) / 1000)}s`;
  return expr
    .replaceAll('$__rate_interval', interval)
    .replaceAll('$__range', range)
    .replace(/\$(\w+)/g, (_all, name: string) => {
      const chosen = names[name];
      if (chosen === undefined) return '.*';
      const escaped = chosen.map((value) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\\\$&'));
      return escaped.length === 1 ? (escaped[0] as string) : `(${escaped.join('|')})`;
    });
}

/** SQL: texts in quotes; All is the variable's own value, put in as it is. */
export function substitutedSql(
  sql: string,
  { names = {}, from = Date.now() - 3_600_000, to = Date.now() }: Choice = {},
): string {
  return sql
    .replaceAll('$__from', String(from))
    .replaceAll('$__to', String(to))
    .replace(/\$\{(\w+):sqlstring\}/g, (_all, name: string) => {
      const chosen = names[name];
      if (chosen === undefined) return "'*'";
      return chosen.map((value) => `'${value.replaceAll("'", "''")}'`).join(',');
    });
}
