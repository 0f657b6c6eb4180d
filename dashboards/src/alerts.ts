/** The alert rules as data. `rules` writes them for Prometheus and for Grafana. */

/**
 * How a text names the value of the rule, by one of the formats that Prometheus and Grafana share. Texts name fields
 * (`.Labels`), never `$labels`: Grafana puts the environment in for what begins with a dollar.
 */
export type ValueIn = (format: 'humanize' | 'humanizePercentage' | 'humanizeDuration') => string;

export interface Alert {
  /** In CamelCase, behind Dupescope; the page in docs/alerts is its name in kebab-case. */
  name: string;
  severity: 'critical' | 'warning';
  /** PromQL: what is held against `above`. */
  value: string;
  above: number;
  /** How long it must hold, and go on once it fired: what flaps is told once. */
  forMinutes: number;
  keepMinutes: number;
  /** Panel of the Overview that shows it. */
  panel: string;
  summary: (value: ValueIn) => string;
  description: string;
}

const GROUP = 'cluster, group';
const PLACE = 'cluster, group, topic';
const grown = (name: string, by: string) => `sum by (${by}) (increase(dupescope_${name}[15m]))`;

/**
 * The same of what must not be missed once. To increase() a series that begins with 3 has not grown: a group that is new,
 * or told by another service of its first loss. Where the service was scraped more often than the series was there, the
 * series came later, and what it began with is new. What stands in the first scrape of a service is not: a Prometheus
 * that is new, or was away, tells nothing of what was before.
 */
const added = (name: string, by: string) => {
  const series = `dupescope_${name}`;
  const scrapes = 'sum by (job, instance) (count_over_time(dupescope_build_info[15m]))';
  const isNew = `(count_over_time(${series}[15m]) < on (job, instance) group_left () ${scrapes})`;
  return `sum by (${by}) ((${series} and ${isNew}) or increase(${series}[15m]))`;
};

export const ALERTS: readonly Alert[] = [
  {
    name: 'RedeliveryRatio',
    severity: 'warning',
    value: `${grown('redeliveries_total', GROUP)} / ${grown('deliveries_total', GROUP)} and ${grown('redeliveries_total', GROUP)} > 10`,
    above: 0.01,
    forMinutes: 10,
    keepMinutes: 15,
    panel: 'Share redelivered',
    summary: (value) => `${value('humanizePercentage')} of what {{ .Labels.group }} is handed it had before`,
    description:
      'More than 1% of the deliveries of the last 15 minutes were redeliveries, for longer than a deployment takes. The cause stands in the incident.',
  },
  {
    name: 'ExposureGrowing',
    severity: 'warning',
    value: `max by (${PLACE}) (dupescope_exposure_seconds) and max by (${PLACE}) (delta(dupescope_exposure_seconds[10m])) > 0`,
    above: 120,
    forMinutes: 10,
    keepMinutes: 10,
    panel: 'Exposure, in time',
    summary: (value) =>
      `{{ .Labels.group }} has handled records of {{ .Labels.topic }} for ${value('humanizeDuration')} without committing`,
    description:
      'The oldest record that is handled and not committed is older than 2 minutes, and getting older: a crash now delivers all of it again.',
  },
  {
    name: 'PrematureCommits',
    severity: 'critical',
    value: added('premature_commits_total', PLACE),
    above: 0,
    forMinutes: 0,
    keepMinutes: 15,
    panel: 'Committed too early, and skipped',
    summary: (value) =>
      `{{ .Labels.group }} committed ${value('humanize')} records of {{ .Labels.topic }} that it had not handled`,
    description:
      'Records were committed before they were handled, and were then not handled: they can be lost. The group is not at-least-once.',
  },
  {
    name: 'SkippedRecords',
    severity: 'critical',
    value: added('skipped_records_total', PLACE),
    above: 0,
    forMinutes: 0,
    keepMinutes: 15,
    panel: 'Committed too early, and skipped',
    summary: (value) => `{{ .Labels.group }} passed over ${value('humanize')} records of {{ .Labels.topic }}`,
    description:
      'Records below the committed offset are known to exist and were never delivered to the group.',
  },
  {
    name: 'CopiesAppliedAgain',
    severity: 'warning',
    value: `${added('applied_again_total', GROUP)} and sum by (${GROUP}) (dupescope_idempotency_hits_total) > 0`,
    above: 0,
    forMinutes: 0,
    keepMinutes: 15,
    panel: 'Catch ratio by group',
    summary: (value) =>
      `${value('humanize')} copies passed the check of {{ .Labels.group }} and were applied again`,
    description:
      'The group has a check for copies (it had hits), and in the last 15 minutes copies were handled all the same. Copies that were perhaps applied again, in flight at a kill, are not among them: they are in dupescope_perhaps_applied_again_total.',
  },
  {
    name: 'Rewind',
    severity: 'warning',
    value: added('rewinds_total', `${PLACE}, cause`),
    above: 0,
    forMinutes: 0,
    keepMinutes: 15,
    panel: 'Rewinds',
    summary: () =>
      'The committed offset of {{ .Labels.group }} in {{ .Labels.topic }} went down ({{ .Labels.cause }})',
    description: 'What lies between the new and the old committed offset is delivered again.',
  },
  {
    name: 'StalledCommits',
    severity: 'warning',
    value: `max by (${GROUP}) (dupescope_stalled_commits)`,
    above: 0,
    forMinutes: 10,
    keepMinutes: 10,
    panel: 'Stalled commits',
    summary: (value) =>
      `{{ .Labels.group }} handles records of ${value('humanize')} partitions and commits none`,
    description:
      'Records are handled and none was committed for long. The next restart delivers all of them again.',
  },
  {
    name: 'ObserverBehind',
    severity: 'warning',
    value:
      'max by (cluster, topic) (dupescope_observer_lag_seconds) > 300 or max by (instance, observer) (1 - dupescope_observer_ready)',
    above: 0,
    forMinutes: 15,
    keepMinutes: 10,
    panel: 'Observers',
    summary: () =>
      'Dupescope is behind or cannot read: {{ with .Labels.topic }}{{ . }}{{ end }}{{ with .Labels.observer }}{{ . }}{{ end }}{{ with .Labels.instance }} at {{ . }}{{ end }}',
    description:
      'An observer has not caught up for 15 minutes, or reads with errors. What it has not read is missing in every number.',
  },
  {
    name: 'NotScraped',
    severity: 'critical',
    // A target that was a service within the last day and is not reached, or none at all.
    value:
      '(max by (job, instance) ((1 - up) and on (job, instance) last_over_time(dupescope_build_info[1d])) > 0) or on () absent(dupescope_build_info)',
    above: 0,
    forMinutes: 10,
    keepMinutes: 5,
    panel: 'Observers',
    summary: () => 'Prometheus gets no metrics of Dupescope{{ with .Labels.instance }} at {{ . }}{{ end }}',
    description:
      'A service is down, cannot be reached, or wants a token: no other alert of Dupescope can fire of what it watches meanwhile.',
  },
];

/** ExposureGrowing: exposure-growing. */
export const pageOf = ({ name }: Alert) => name.replace(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase();
