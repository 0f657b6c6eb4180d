/** Dupescope / Overview: what a team sees first. Prometheus alone, general to specific. */
import { finish } from '../finish';
import { growth, OF_GROUP, over } from '../promql';
import { dashboard } from '../sdk';
import { dataSource, labels, PROMETHEUS } from '../variables';
import { copies } from './copies';
import { atAGlance } from './glance';
import { groups } from './groups';
import { health } from './health';
import { idempotency } from './idempotency';
import { lags } from './lags';

export const OVERVIEW_UID = 'dupescope-overview';

const ANY_GROUP = '{__name__=~"dupescope_deliveries_total|dupescope_rewinds_total"';
const BOTH =
  '{__name__=~"dupescope_deliveries_total|dupescope_rewinds_total|dupescope_observed_records_total"';

const row = (title: string) => new dashboard.RowBuilder(title);

export function overview(): dashboard.Dashboard {
  const built = new dashboard.DashboardBuilder('Dupescope / Overview')
    .uid(OVERVIEW_UID)
    .description(
      'Which Kafka records are delivered or written more than once, by whom, why, and whether it hurts.',
    )
    .tags(['dupescope', 'kafka'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(dataSource('datasource', 'prometheus', 'Prometheus'))
    .withVariable(labels('cluster', `label_values(${BOTH}}, cluster)`))
    .withVariable(labels('group', `label_values(${ANY_GROUP}, cluster=~"$cluster"}, group)`))
    .withVariable(labels('topic', `label_values(${BOTH}, cluster=~"$cluster"}, topic)`))
    .annotation(
      event(
        'Rewinds',
        'red',
        `sum by (cluster, group, topic, cause) (${growth('rewinds_total')}) > 0`,
        `${OF_GROUP}: committed offset of {{topic}} went down ({{cause}})`,
      ),
    )
    .annotation(
      event(
        'Rebalances',
        'blue',
        `sum by (cluster, group) (${growth('rebalances_total', 'groupOnly')}) > 0`,
        `${OF_GROUP} rebalanced`,
      ),
    )
    .link(
      new dashboard.DashboardLinkBuilder('Evidence')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['dupescope-evidence'])
        .keepTime(true)
        .includeVars(true),
    );
  built.withRow(row('In this time range'));
  for (const panel of atAGlance()) built.withPanel(panel);
  built.withRow(row('Delivered and written more than once'));
  for (const panel of copies()) built.withPanel(panel);
  built.withRow(row('Commit lag and consumer lag'));
  for (const panel of lags()) built.withPanel(panel);
  built.withRow(row('Idempotency'));
  for (const panel of idempotency()) built.withPanel(panel);
  built.withRow(row('Groups'));
  for (const panel of groups()) built.withPanel(panel);
  built.withRow(row('Can this be trusted: observers and store'));
  for (const panel of health()) built.withPanel(panel);
  return finish(built.build(), PROMETHEUS);
}

function event(name: string, color: string, expr: string, title: string): dashboard.AnnotationQueryBuilder {
  return new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .target(over(expr, '').interval('60s'))
    .titleFormat(title);
}
