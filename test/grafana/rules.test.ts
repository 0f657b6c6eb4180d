/** Each alert by promtool: when it fires, what it then says, and when it must not. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ALERTS, pageOf } from '../../dashboards/src/alerts';
import { testFolder } from '../support/folder';

const folder = testFolder('rules');
const RULES = join(__dirname, '../../dashboards/prometheus/rules.yml');
const DOCS = join(__dirname, '../../docs/alerts');

/** Series by their notation, each a value a minute. */
type Series = Record<string, string>;

interface Case {
  fires: Series;
  /** Labels besides the severity, and the summary. */
  says: [labels: Record<string, string>, summary: string];
  /** Holds for too short a time, or of something that is well. */
  quiet: Series;
  /** Minutes after which it is looked at. Default 40. */
  at?: number;
}

const GROUP = { cluster: 'c1', group: 'billing' };
const PLACE = { ...GROUP, topic: 'orders' };
const of = (labels: Record<string, string>) =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ')}}`;
const series = (name: string, labels: Record<string, string>) => `dupescope_${name}${of(labels)}`;

const CASES: Record<string, Case> = {
  RedeliveryRatio: {
    fires: {
      [series('deliveries_total', PLACE)]: '0+1000x60',
      [series('redeliveries_total', PLACE)]: '0+50x60',
    },
    says: [GROUP, '5% of what billing is handed it had before'],
    // A share of 50%, of few records; 5% for five minutes of forty.
    quiet: {
      [series('deliveries_total', PLACE)]: '0+1x60',
      [series('redeliveries_total', PLACE)]: '0+0.5x60',
      [series('deliveries_total', { ...PLACE, group: 'shipping' })]: '0+1000x60',
      [series('redeliveries_total', { ...PLACE, group: 'shipping' })]: '0+0x35 10+10x3 40+0x20',
    },
  },
  ExposureGrowing: {
    fires: { [series('exposure_seconds', { ...PLACE, partition: '0' })]: '0+60x60' },
    says: [PLACE, 'billing has handled records of orders for 40m 0s without committing'],
    // High and falling; growing and low.
    quiet: {
      [series('exposure_seconds', { ...PLACE, partition: '0' })]: '4000-60x60',
      [series('exposure_seconds', { ...PLACE, topic: 'refunds', partition: '0' })]: '0+1x60',
    },
  },
  PrematureCommits: {
    fires: { [series('premature_commits_total', PLACE)]: '0x30 3x30' },
    says: [PLACE, 'billing committed 3 records of orders that it had not handled'],
    quiet: { [series('premature_commits_total', PLACE)]: '7x60' },
    at: 36,
  },
  SkippedRecords: {
    fires: { [series('skipped_records_total', PLACE)]: '0x30 12x30' },
    says: [PLACE, 'billing passed over 12 records of orders'],
    quiet: { [series('skipped_records_total', PLACE)]: '12x60' },
    at: 36,
  },
  CopiesAppliedAgain: {
    fires: {
      [series('applied_again_total', PLACE)]: '0x30 4x30',
      [series('idempotency_hits_total', PLACE)]: '9x60',
    },
    says: [GROUP, '4 copies passed the check of billing and were applied again'],
    // A group without a check applies every copy: the ratio tells of that. Perhaps is not again.
    quiet: {
      [series('applied_again_total', PLACE)]: '0x30 4x30',
      [series('idempotency_hits_total', PLACE)]: '0x60',
    },
    at: 36,
  },
  Rewind: {
    fires: { [series('rewinds_total', { ...PLACE, cause: 'reset' })]: '0x30 1x30' },
    says: [{ ...PLACE, cause: 'reset' }, 'The committed offset of billing in orders went down (reset)'],
    quiet: { [series('rewinds_total', { ...PLACE, cause: 'reset' })]: '1x60' },
    at: 36,
  },
  StalledCommits: {
    fires: { [series('stalled_commits', GROUP)]: '2x60' },
    says: [GROUP, 'billing handles records of 2 partitions and commits none'],
    quiet: { [series('stalled_commits', GROUP)]: '0x30 1x5 0x30' },
  },
  ObserverBehind: {
    fires: { [series('observer_lag_seconds', { cluster: 'c1', topic: 'orders' })]: '600x60' },
    says: [{ cluster: 'c1', topic: 'orders' }, 'Dupescope is behind or cannot read: orders'],
    quiet: {
      [series('observer_lag_seconds', { cluster: 'c1', topic: 'orders' })]: '200x60',
      [series('observer_ready', { observer: 'topics' })]: '1x20 0x10 1x30',
    },
  },
  NotScraped: {
    fires: { [series('build_info', { version: '1' })]: '1x10' },
    says: [{}, 'Prometheus gets no metrics of Dupescope'],
    quiet: { [series('build_info', { version: '1' })]: '1x60' },
  },
};

/** Runs promtool on those cases, and answers its complaints. */
function promtool(name: string, tests: object[]): string {
  const file = join(folder, `${name}.yml`);
  writeFileSync(file, stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }));
  const { status, stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', file], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return status === 0 ? '' : stdout + stderr;
}

const inputs = (values: Series) => Object.entries(values).map(([name, of]) => ({ series: name, values: of }));

test('there is a case for every alert', () => {
  expect(Object.keys(CASES).sort()).toEqual(ALERTS.map(({ name }) => name).sort());
});

describe.each(ALERTS.map((alert) => [alert.name, alert] as const))('%s', (name, alert) => {
  const { fires, quiet, says, at = 40 } = CASES[name] as Case;
  const look = { eval_time: `${at}m`, alertname: `Dupescope${name}` };
  const told = {
    exp_labels: { ...says[0], severity: alert.severity },
    exp_annotations: {
      summary: says[1],
      description: alert.description,
      runbook_url: `http://127.0.0.1:7475/docs/alerts/${pageOf(alert)}.md`,
    },
  };
  const firing = {
    interval: '1m',
    input_series: inputs(fires),
    alert_rule_test: [{ ...look, exp_alerts: [told] }],
  };

  test('fires, and says so in words', () => {
    expect(promtool(`${name}-fires`, [firing])).toBe('');
  });

  test('does not fire where nothing is wrong', () => {
    const well = {
      interval: '1m',
      input_series: inputs(quiet),
      alert_rule_test: [{ ...look, exp_alerts: [] }],
    };
    expect(promtool(`${name}-quiet`, [well])).toBe('');
    // Nor on nothing at all, but for the one that says just that.
    if (name !== 'NotScraped') {
      expect(promtool(`${name}-none`, [{ ...well, input_series: [] }])).toBe('');
    }
    // And the check can fail.
    expect(promtool(`${name}-wrong`, [{ ...firing, alert_rule_test: well.alert_rule_test }])).toContain(
      'FAILED',
    );
  });

  test('leads to the service, wherever that is', () => {
    const at = 'https://dupescope.example';
    const annotations = {
      ...told.exp_annotations,
      runbook_url: `${at}/docs/alerts/${pageOf(alert)}.md`,
    };
    const elsewhere = {
      ...firing,
      external_labels: { dupescope_url: at },
      alert_rule_test: [{ ...look, exp_alerts: [{ ...told, exp_annotations: annotations }] }],
    };
    expect(promtool(`${name}-elsewhere`, [elsewhere])).toBe('');
  });

  test('has a page that says what to do', () => {
    expect(existsSync(join(DOCS, `${pageOf(alert)}.md`))).toBe(true);
  });
});

/** Counters whose first value counts, with the labels of their series. */
const NEWCOMERS = {
  PrematureCommits: series('premature_commits_total', PLACE),
  SkippedRecords: series('skipped_records_total', PLACE),
  CopiesAppliedAgain: series('applied_again_total', PLACE),
  Rewind: series('rewinds_total', { ...PLACE, cause: 'reset' }),
};
const SCRAPED = { job: 'dupescope', instance: 'dupescope:7475' };
const scraped = (name: string) => name.replace('}', `, ${of(SCRAPED).slice(1)}`);
const HITS = scraped(series('idempotency_hits_total', PLACE));
const BUILD = series('build_info', { version: '1', ...SCRAPED });

describe.each(Object.entries(NEWCOMERS))('%s, of what a series begins with', (name, counter) => {
  const alert = ALERTS.find((one) => one.name === name);
  const told = (values: Series, isFiring: boolean) => {
    const { says } = CASES[name] as Case;
    const annotations = {
      summary: says[1].replace(/\b\d+\b/, '5'),
      description: alert?.description,
      runbook_url: `http://127.0.0.1:7475/docs/alerts/${pageOf(alert as (typeof ALERTS)[number])}.md`,
    };
    const labels = { ...says[0], severity: alert?.severity };
    const exp_alerts = isFiring ? [{ exp_labels: labels, exp_annotations: annotations }] : [];
    return {
      interval: '1m',
      input_series: inputs(values),
      alert_rule_test: [{ eval_time: '36m', alertname: `Dupescope${name}`, exp_alerts }],
    };
  };
  const one = scraped(counter);

  test('a group that comes with its first count fires', () => {
    expect(
      promtool(`${name}-new`, [told({ [BUILD]: '1x60', [HITS]: '9x60', [one]: '_x30 5x30' }, true)]),
    ).toBe('');
  });

  test('what a service had when it was first scraped is quiet, and after a gap too', () => {
    const first = { [BUILD]: '_x30 1x30', [HITS]: '_x30 9x30', [one]: '_x30 5x30' };
    const gap = { [BUILD]: '1x10 _x22 1x30', [HITS]: '9x10 _x22 9x30', [one]: '5x10 _x22 5x30' };
    // Of another version since.
    const newer = {
      [series('build_info', { version: '0', ...SCRAPED })]: '1x28 _x40',
      [BUILD]: '_x29 1x30',
      [HITS]: '9x60',
      [one]: '5x60',
    };
    const cases = [first, gap, newer].map((values) => told(values, false));
    expect(promtool(`${name}-known`, cases)).toBe('');
  });
});

test('one service of two that is not reached fires, one that was taken off does not', () => {
  const alert = ALERTS.find(({ name }) => name === 'NotScraped');
  const away = { job: 'dupescope-attached', instance: 'attached:7475' };
  const annotations = {
    summary: 'Prometheus gets no metrics of Dupescope at attached:7475',
    description: alert?.description,
    runbook_url: 'http://127.0.0.1:7475/docs/alerts/not-scraped.md',
  };
  const up = (labels: Record<string, string>) => `up${of(labels)}`;
  const build = (labels: Record<string, string>) => series('build_info', { version: '1', ...labels });
  const both = { [up(SCRAPED)]: '1x60', [build(SCRAPED)]: '1x60', [build(away)]: '1x10' };
  // Somebody else's target is not our matter.
  const down = { ...both, [up(away)]: '1x10 0x50', [up({ job: 'node', instance: 'n:9100' })]: '0x60' };
  const told = (values: Series, exp_alerts: object[]) => ({
    interval: '1m',
    input_series: inputs(values),
    alert_rule_test: [{ eval_time: '40m', alertname: 'DupescopeNotScraped', exp_alerts }],
  });
  const firing = [{ exp_labels: { ...away, severity: 'critical' }, exp_annotations: annotations }];
  expect(promtool('one-away', [told(down, firing), told(both, [])])).toBe('');
});

test('an observer that is not ready fires too, of one service among two', () => {
  const observer = { instance: 'attached:7475', observer: 'groups' };
  const labels = { ...observer, severity: 'warning' };
  const alert = ALERTS.find(({ name }) => name === 'ObserverBehind');
  const annotations = {
    summary: 'Dupescope is behind or cannot read: groups at attached:7475',
    description: alert?.description,
    runbook_url: 'http://127.0.0.1:7475/docs/alerts/observer-behind.md',
  };
  const told = {
    eval_time: '40m',
    alertname: 'DupescopeObserverBehind',
    exp_alerts: [{ exp_labels: labels, exp_annotations: annotations }],
  };
  const values = {
    [series('observer_ready', observer)]: '0x60',
    [series('observer_ready', { instance: 'dupescope:7475', observer: 'groups' })]: '1x60',
  };
  expect(
    promtool('not-ready', [{ interval: '1m', input_series: inputs(values), alert_rule_test: [told] }]),
  ).toBe('');
});
