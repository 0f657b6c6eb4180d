/** What a dashboard asks Prometheus: metrics under the variables' names, and the targets of panels. */
import { prometheus } from './sdk';

const OF = {
  group: 'cluster=~"$cluster", group=~"$group", topic=~"$topic"',
  /** Metrics of whole groups have no topic. */
  groupOnly: 'cluster=~"$cluster", group=~"$group"',
  topic: 'cluster=~"$cluster", topic=~"$topic"',
  none: '',
} as const;

/** How lines are named: the same name on two clusters is two lines. */
export const OF_GROUP = '{{group}} ({{cluster}})';
export const OF_TOPIC = '{{topic}} ({{cluster}})';

/** A metric's series, of the variables that its labels know. */
export function metric(name: string, of: keyof typeof OF = 'group', more = ''): string {
  const matchers = [OF[of], more].filter((text) => text !== '').join(', ');
  return `dupescope_${name}${matchers === '' ? '' : `{${matchers}}`}`;
}

/** A counter's growth a second, at the resolution of what is shown. */
export const rate = (name: string, of?: keyof typeof OF, more?: string) =>
  `rate(${metric(name, of, more)}[$__rate_interval])`;

/** A counter's growth from one point shown to the next. */
export const growth = (name: string, of?: keyof typeof OF, more?: string) =>
  `increase(${metric(name, of, more)}[$__rate_interval])`;

/** A counter's growth over all that is shown. */
export const overRange = (name: string, of?: keyof typeof OF, more?: string) =>
  `increase(${metric(name, of, more)}[$__range])`;

/** One value, as of the end of the range. */
export function now(expr: string, legend = ''): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend).instant();
}

/** A line for each series. */
export function over(expr: string, legend: string): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend).range();
}

/** The same, with the traces that the counter carries. */
export function traced(expr: string, legend: string): prometheus.DataqueryBuilder {
  return over(expr, legend).exemplar(true);
}

/** The buckets of a histogram. */
export function buckets(expr: string): prometheus.DataqueryBuilder {
  return over(expr, '{{le}}').format(prometheus.PromQueryFormat.Heatmap);
}
