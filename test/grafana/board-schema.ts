/**
 * What Grafana says a dashboard is: the types that it publishes with each release (`@grafana/schema`, made from its CUE
 * schema), each kind of panel with the options of its own, by the release that docker-compose.yml runs. Unknown fields
 * are wrong but where Grafana itself leaves them open: values of overrides, and targets of other people's data sources.
 */
import type { AnnotationQuery, VariableModel } from '@grafana/schema';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as raw from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type { prometheus } from '../../dashboards/src/sdk';

/** As it stands in JSON: members of an enumeration are their values. */
type Json<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? `${T}` extends `${infer Value extends number}`
        ? Value
        : never
      : T extends object
        ? { [K in keyof T]: Json<T[K]> }
        : T;

type PrometheusTarget = Omit<prometheus.Dataquery, '_implementsDataqueryVariant'> & { refId: string };

/** Of frser-sqlite-datasource, which publishes no types. */
interface SqliteTarget {
  refId: string;
  datasource: raw.DataSourceRef;
  queryText: string;
  rawQueryText: string;
  queryType: 'table' | 'time series';
  timeColumns: string[];
}

interface Kind<Type extends string, Options, Custom, Target>
  extends Omit<raw.Panel, 'fieldConfig' | 'options' | 'targets'> {
  type: Type;
  options: Options;
  fieldConfig: Omit<raw.FieldConfigSource, 'defaults'> & {
    defaults: Omit<raw.FieldConfig, 'custom'> & { custom?: Custom };
  };
  targets: Target[];
}

type Panel =
  | raw.RowPanel
  | Kind<'stat', stat.Options, Record<string, never>, PrometheusTarget>
  | Kind<'timeseries', timeseries.Options, timeseries.FieldConfig, PrometheusTarget>
  | Kind<'heatmap', heatmap.Options, heatmap.FieldConfig, PrometheusTarget>
  | Kind<'table', table.Options, table.FieldConfig, SqliteTarget>;

/** The Prometheus plugin's own fields beside those of all annotations. */
interface Annotation extends Omit<AnnotationQuery, 'target'> {
  target: PrometheusTarget;
  titleFormat?: string;
}

export type Board = Json<
  Omit<raw.Dashboard, 'panels' | 'templating' | 'annotations'> & {
    panels: Panel[];
    templating: { list: VariableModel[] };
    annotations: { list?: Annotation[] };
  }
>;
