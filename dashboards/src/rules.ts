/** The alert rules in the forms that Prometheus loads and that Grafana provisions. */
import { ALERTS, type Alert, pageOf, type ValueIn } from './alerts';
import { OVERVIEW_UID } from './overview';
import type { dashboard } from './sdk';

/** Uid of the provisioned data source. */
export const PROMETHEUS_UID = 'dupescope-prometheus';
/** Of Grafana's own arithmetic. */
const EXPRESSION_UID = '__expr__';
const EVERY = '1m';
/** What is looked at, in seconds; windows are within the expressions. */
const RANGE_S = 900;

const minutes = (count: number) => (count === 0 ? '0s' : `${count}m`);

/**
 * Where docs/ stands, with a slash at its end: the service answers with it, where it listens unless configured
 * otherwise. Prometheus may say another address by the external label dupescope_url. Grafana has no such labels, and
 * puts its environment into the names and labels of provisioned rules, not into annotations or queries (seen with 10.0).
 */
const SERVICE = 'http://127.0.0.1:7475';
const DOCS_IN_PROMETHEUS = `{{ with .ExternalLabels.dupescope_url }}{{ . }}{{ else }}${SERVICE}{{ end }}/docs/`;
const DOCS_IN_GRAFANA = `${SERVICE}/docs/`;

function annotations(alert: Alert, value: ValueIn, docsUrl: string): Record<string, string> {
  return {
    summary: alert.summary(value),
    description: alert.description,
    runbook_url: `${docsUrl}alerts/${pageOf(alert)}.md`,
  };
}

/** @param docsUrl where docs/ stands, with a slash at its end */
export function prometheusRules(docsUrl = DOCS_IN_PROMETHEUS): object {
  const rules = ALERTS.map((alert) => ({
    alert: `Dupescope${alert.name}`,
    expr: `(${alert.value}) > ${alert.above}`,
    for: minutes(alert.forMinutes),
    keep_firing_for: minutes(alert.keepMinutes),
    labels: { severity: alert.severity },
    annotations: annotations(alert, (format) => `{{ .Value | ${format} }}`, docsUrl),
  }));
  return { groups: [{ name: 'dupescope', interval: EVERY, rules }] };
}

/** @param overview as built: alerts lead to their panels. @param docsUrl as above */
export function grafanaRules(overview: dashboard.Dashboard, docsUrl = DOCS_IN_GRAFANA): object {
  const panels = (overview.panels ?? []) as { id?: number; title?: string }[];
  const rules = ALERTS.map((alert) => {
    const panel = panels.find(({ title }) => title === alert.panel)?.id;
    if (panel === undefined) throw new Error(`${alert.name}: there is no panel ${alert.panel}`);
    return {
      uid: `dupescope-${pageOf(alert)}`,
      title: `Dupescope${alert.name}`,
      condition: 'C',
      data: [
        {
          refId: 'A',
          relativeTimeRange: { from: RANGE_S, to: 0 },
          datasourceUid: PROMETHEUS_UID,
          model: {
            refId: 'A',
            datasource: { type: 'prometheus', uid: PROMETHEUS_UID },
            expr: alert.value,
            instant: true,
            range: false,
          },
        },
        expression('B', { type: 'reduce', expression: 'A', reducer: 'last' }),
        expression('C', {
          type: 'threshold',
          expression: 'B',
          conditions: [{ evaluator: { type: 'gt', params: [alert.above] } }],
        }),
      ],
      // Counters stand from the start: no data is no service, and that has an alert of its own.
      noDataState: 'OK',
      execErrState: 'Error',
      for: minutes(alert.forMinutes),
      keepFiringFor: minutes(alert.keepMinutes),
      labels: { severity: alert.severity },
      annotations: {
        ...annotations(alert, (format) => `{{ .Values.B.Value | ${format} }}`, docsUrl),
        __dashboardUid__: OVERVIEW_UID,
        __panelId__: String(panel),
      },
    };
  });
  const group = { orgId: 1, name: 'dupescope', folder: 'Dupescope', interval: EVERY, rules };
  return { apiVersion: 1, groups: [group] };
}

function expression(refId: string, model: Record<string, unknown>): object {
  return {
    refId,
    relativeTimeRange: { from: 0, to: 0 },
    datasourceUid: EXPRESSION_UID,
    model: { refId, datasource: { type: EXPRESSION_UID, uid: EXPRESSION_UID }, ...model },
  };
}
