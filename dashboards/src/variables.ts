/** The variables on top of the dashboards. */
import { dashboard } from './sdk';

export const PROMETHEUS = { type: 'prometheus', uid: `\${datasource}` } as const;
export const SQLITE = { type: 'frser-sqlite-datasource', uid: `\${sqlite}` } as const;

/** What stands for all names in SQL: Grafana puts it in as it is. */
export const ALL_NAMES = "'*'";

export function dataSource(name: string, type: string, label: string): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder(name).type(type).label(label);
}

const ALL = { text: 'All', value: '$__all', selected: true };

/** Names by Prometheus. */
export function labels(name: string, query: string): dashboard.QueryVariableBuilder {
  return several(name, query, PROMETHEUS, '.*');
}

/** Names by SQL: one column. */
export function names(name: string, sql: string): dashboard.QueryVariableBuilder {
  return several(name, sql, SQLITE, ALL_NAMES);
}

function several(
  name: string,
  query: string,
  source: { type: string; uid: string },
  allValue: string,
): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(name[0]?.toUpperCase() + name.slice(1))
    .datasource(source)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(allValue)
    .current(ALL);
}

export function text(name: string, label: string, value: string): dashboard.TextBoxVariableBuilder {
  return new dashboard.TextBoxVariableBuilder(name)
    .label(label)
    .defaultValue(value)
    .current({ text: value, value, selected: true });
}
