/**
 * The kinds of panels, each with what every panel here must have: title, description, unit, thresholds and a text for
 * no data. What they ask is put in by `target` and finished by `finish`.
 */

import {
  type cog,
  common,
  dashboard,
  heatmap,
  stat as statPanel,
  table as tablePanel,
  timeseries,
} from './sdk';

export type Steps = readonly (readonly [from: number | null, color: string])[];

export interface PanelFacts {
  title: string;
  /** What it means and what to do about it, in a sentence or two. */
  description: string;
  /** One of Grafana's: short, cps, s, percentunit, bytes... */
  unit: string;
  /** Shown where there is no data. */
  noValue: string;
  /** Values from which on a colour holds; the first one from null. */
  thresholds: Steps;
  targets: cog.Builder<cog.Dataquery>[];
  /** Of 24 columns. */
  width: number;
  height?: number;
  decimals?: number;
}

/** No level at which it gets better or worse. */
export const NEUTRAL: Steps = [[null, 'blue']];
/** One is too many. */
export const NONE_IS_GOOD: Steps = [
  [null, 'green'],
  [1, 'orange'],
];
export const ONE_IS_SERIOUS: Steps = [
  [null, 'green'],
  [1, 'red'],
];

/** What the builders of all kinds have in common. */
interface Common<Self> {
  title(text: string): Self;
  description(text: string): Self;
  unit(unit: string): Self;
  noValue(text: string): Self;
  thresholds(thresholds: cog.Builder<dashboard.ThresholdsConfig>): Self;
  targets(targets: cog.Builder<cog.Dataquery>[]): Self;
  span(width: number): Self;
  height(height: number): Self;
  decimals(decimals: number): Self;
}

function filled<Self extends Common<Self>>(builder: Self, facts: PanelFacts, height: number): Self {
  const steps = facts.thresholds.map(([value, color]) => ({ value, color }));
  const thresholds = new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps);
  builder
    .title(facts.title)
    .description(facts.description)
    .unit(facts.unit)
    .noValue(facts.noValue)
    .thresholds(thresholds)
    .targets(facts.targets)
    .span(facts.width)
    .height(facts.height ?? height);
  return facts.decimals === undefined ? builder : builder.decimals(facts.decimals);
}

const byThreshold = () => new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds);

/** One number, coloured by its thresholds. */
export function stat(facts: PanelFacts, mappings: dashboard.ValueMapping[] = []) {
  const last = new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']);
  return filled(new statPanel.PanelBuilder(), facts, 4)
    .colorScheme(byThreshold())
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(last)
    .mappings(mappings);
}

/** Lines over time; thresholds above the first are drawn as dashed lines. */
export function series(facts: PanelFacts, { stacked = false } = {}) {
  const legend = new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['lastNotNull', 'max']);
  const style = new common.GraphThresholdsStyleConfigBuilder().mode(
    facts.thresholds.length > 1
      ? common.GraphThresholdsStyleMode.Dashed
      : common.GraphThresholdsStyleMode.Off,
  );
  const stacking = new common.StackingConfigBuilder().mode(
    stacked ? common.StackingMode.Normal : common.StackingMode.None,
  );
  const tooltip = new common.VizTooltipOptionsBuilder()
    .mode(common.TooltipDisplayMode.Multi)
    .sort(common.SortOrder.Descending);
  return filled(new timeseries.PanelBuilder(), facts, 8)
    .min(0)
    .legend(legend)
    .tooltip(tooltip)
    .thresholdsStyle(style)
    .stacking(stacking)
    .fillOpacity(stacked ? 30 : 10)
    .lineWidth(1)
    .spanNulls(false);
}

/** A histogram's buckets over time. */
export function heat(facts: PanelFacts) {
  const axis = new heatmap.YAxisConfigBuilder().unit(facts.unit);
  return filled(new heatmap.PanelBuilder(), facts, 8)
    .calculate(false)
    .yAxis(axis)
    .cellValues(new heatmap.CellValuesBuilder().unit('short'))
    .showLegend();
}

/** Rows; `units` of columns by name, `links` of columns by name. */
export function table(
  facts: PanelFacts,
  columns: {
    units?: Record<string, string>;
    links?: Record<string, dashboard.DashboardLink[]>;
    widths?: Record<string, number>;
    hidden?: string[];
  },
) {
  const builder = filled(new tablePanel.PanelBuilder(), facts, 9)
    .showHeader(true)
    .filterable(true)
    .cellOptions({ type: common.TableCellDisplayMode.Auto });
  const { units = {}, links = {}, widths = {}, hidden = [] } = columns;
  for (const name of hidden) builder.overrideByName(name, [{ id: 'custom.hidden', value: true }]);
  for (const name of new Set([units, links, widths].flatMap(Object.keys))) {
    const properties: dashboard.DynamicConfigValue[] = [];
    if (units[name] !== undefined) properties.push({ id: 'unit', value: units[name] });
    if (links[name] !== undefined) properties.push({ id: 'links', value: links[name] });
    if (widths[name] !== undefined) properties.push({ id: 'custom.width', value: widths[name] });
    builder.overrideByName(name, properties);
  }
  return builder;
}
