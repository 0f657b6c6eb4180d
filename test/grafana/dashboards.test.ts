/** A lint of our own for the dashboards: what people who look at many of them hold good ones to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LRParser } from '@lezer/lr';
import { ALERTS } from '../../dashboards/src/alerts';
import { outputs } from '../../dashboards/src/outputs';
import { dashboards, promTargets, sqlTargets, variablesOf } from './dashboards';
import { substituted } from './variables';

// The package's types are of its other form.
const { parser } = require('@prometheus-io/lezer-promql') as { parser: LRParser };

const FOLDER = join(__dirname, '../../dashboards');
const UNITS = new Set(['short', 'none', 'cps', 's', 'percentunit', 'bytes']);

test('the committed files are what the code makes', () => {
  for (const [path, text] of outputs()) {
    expect([path, readFileSync(join(FOLDER, path), 'utf8') === text]).toEqual([path, true]);
  }
});

describe.each(dashboards().map((one) => [one.title, one] as const))('%s', (_title, board) => {
  const panels = board.panels.filter(({ type }) => type !== 'row');
  const variables = new Set(board.templating.list.map(({ name }) => name));

  test('has a uid, tags, a description and links that keep time and variables', () => {
    expect(board.uid).toMatch(/^dupescope-[a-z]+$/);
    expect(board.schemaVersion).toBe(42);
    expect(board.tags).toContain('dupescope');
    expect(board.description.length).toBeGreaterThan(30);
    for (const link of board.links) expect(link).toMatchObject({ keepTime: true, includeVars: true });
  });

  test('panels and targets have ids of their own', () => {
    const ids = board.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { targets } of panels) {
      const refs = targets.map(({ refId }) => refId);
      expect(refs.length).toBeGreaterThan(0);
      expect(new Set(refs).size).toBe(refs.length);
    }
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test.each(panels.map((panel) => [panel.title, panel] as const))('%s says what it means', (title, panel) => {
    const { unit, noValue, thresholds } = panel.fieldConfig.defaults;
    expect(panel.description.length).toBeGreaterThan(30);
    expect(panel.description).not.toBe(title);
    expect(UNITS).toContain(unit);
    expect(noValue.length).toBeGreaterThan(3);
    expect(thresholds.steps[0]?.value).toBeNull();
    // Never Grafana's own default.
    expect(thresholds.steps.map(({ value }) => value)).not.toEqual([null, 80]);
    const values = thresholds.steps.slice(1).map(({ value }) => value as number);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    // On the grid.
    const { x, w, h } = panel.gridPos;
    expect(x + w).toBeLessThanOrEqual(24);
    expect(h).toBeGreaterThan(0);
  });

  test('docs/grafana.md tells of each panel', () => {
    const text = readFileSync(join(__dirname, '../../docs/grafana.md'), 'utf8');
    const [overview = '', evidence = ''] = text
      .slice(text.indexOf('## Overview: what each panel means'))
      .split('## Evidence');
    const isEvidence = board.uid.endsWith('evidence');
    // Whole names: `Deliveries` is not told by `Redeliveries`.
    const told = (title: string) =>
      new RegExp(`(?<!\\w)${title}(?!\\w)`).test(isEvidence ? evidence : overview);
    expect(panels.map(({ title }) => title).filter((title) => !told(title))).toEqual([]);
  });

  test('panels do not lie on each other', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([taken.get(`${x}/${y}`), title]).toEqual([undefined, title]);
          taken.set(`${x}/${y}`, title);
        }
      }
    }
  });

  test('data sources are variables', () => {
    const sources = [
      ...panels.flatMap(({ datasource, targets }) => [datasource, ...targets.map((one) => one.datasource)]),
      ...(board.annotations.list ?? []).flatMap((one) => [one.datasource, one.target.datasource]),
      ...board.templating.list.filter(({ type }) => type === 'query').map(({ datasource }) => datasource),
    ];
    for (const source of sources) {
      const name = /^\$\{(\w+)\}$/.exec(source?.uid ?? '')?.[1];
      const variable = board.templating.list.find((one) => one.name === name);
      expect(variable).toMatchObject({ type: 'datasource', query: source?.type });
    }
  });

  test('every variable that is used is there, and every one that is there is used', () => {
    const text = JSON.stringify({
      ...board,
      templating: board.templating.list.filter((v) => v.type === 'query'),
    });
    const used = [...text.matchAll(/\$\{?([a-z_]+)\b/g)].map(([, name]) => name as string);
    const own = used.filter((name) => !name.startsWith('_'));
    for (const name of own) expect(variables).toContain(name);
    for (const name of variables) expect(own).toContain(name);
  });

  test('choices are several, with All, and follow the time range', () => {
    for (const variable of board.templating.list.filter(({ type }) => type === 'query')) {
      expect(variable).toMatchObject({ multi: true, includeAll: true, refresh: 2 });
      expect(variable.allValue).toBeTruthy();
    }
  });
});

describe('PromQL', () => {
  const asked = [
    ...dashboards().flatMap(promTargets),
    ...ALERTS.map(({ name, value, above }) => ({ of: name, expr: `(${value}) > ${above}` })),
  ];

  test.each(asked.map((one) => [`${one.of}: ${one.expr}`, one] as const))('%s', (_name, { expr }) => {
    // Names come by variables; what is written out are our own words.
    for (const [, label] of expr.matchAll(/(\w+)\s*[=!]~?\s*"(?!\$)/g)) {
      expect(['kind', 'cause', 'observer', 'of']).toContain(label);
    }
    for (const [, range] of expr.matchAll(/(?:rate|increase)\([^[]*\[([^\]]+)\]/g)) {
      expect(['$__rate_interval', '$__range', '15m']).toContain(range);
    }
    // A counter is never shown as it stands.
    for (const { 0: name, index } of expr.matchAll(/dupescope_\w+_(?:total|bucket)\b/g)) {
      const [before, after] = [expr.slice(0, index), expr.slice(index + name.length)];
      const isGrowth = /(?:rate|increase|count_over_time)\([^)]*$/.test(before);
      // Or it is asked whether there was any, or what a series began with.
      const isKnown = after.startsWith(') > 0') || after.startsWith(` and (count_over_time(${name}[`);
      expect([name, isGrowth || isKnown]).toEqual([name, true]);
    }
    expect(errorsIn(substituted(expr))).toEqual([]);
  });

  test('the same name on two clusters is two lines', () => {
    for (const { of, expr } of asked) {
      for (const [, by = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
        const labels = by.split(', ');
        const isName = labels.some((label) => label === 'group' || label === 'topic');
        expect([of, by, isName]).toEqual([of, by, labels.includes('cluster')]);
      }
    }
    const [overview] = dashboards();
    for (const { title, targets } of overview?.panels ?? []) {
      for (const { legendFormat = '' } of targets ?? []) {
        const isName = /\{\{(group|topic)\}\}/.test(legendFormat);
        expect([title, isName]).toEqual([title, legendFormat.includes('{{cluster}}')]);
      }
    }
  });

  test('the parser finds what is wrong', () => {
    expect(errorsIn('sum by (group (rate(x[5m]))')).not.toEqual([]);
    expect(errorsIn('rate(x{a="b"}[$__rate_interval])')).not.toEqual([]);
  });

  test('only metrics that are told are asked for', () => {
    const told = new Set(metricsToldIn(readFileSync(join(__dirname, '../../docs/service.md'), 'utf8')));
    for (const { expr } of asked) {
      for (const [name] of expr.matchAll(/dupescope_\w+/g)) {
        expect(told).toContain(name.replace(/_(bucket|sum|count)$/, '').replace('dupescope_', ''));
      }
    }
  });
});

describe('SQL', () => {
  test.each(
    dashboards()
      .flatMap(sqlTargets)
      .map((one) => [one.of, one] as const),
  )('%s', (_name, { sql }) => {
    expect(sql).toMatch(/LIMIT \d+/);
    expect(sql.trim()).toMatch(/^(SELECT|WITH)\b/);
    // Documented views alone.
    for (const [, table] of sql.matchAll(/(?:FROM|JOIN) ([a-z_]+)/g)) {
      expect(table).toMatch(/^(v_\w+|latest|asked)$/);
    }
    // Names are bound as texts of SQL, never pasted in.
    for (const [use] of sql.matchAll(/\$\{[^}]*\}/g)) expect(use).toMatch(/:sqlstring\}$/);
  });

  test('variables give one column', () => {
    for (const { query } of dashboards().flatMap(variablesOf))
      expect(query).toMatch(/^(SELECT DISTINCT|label_values)/);
  });
});

function errorsIn(expr: string): string[] {
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError) errors.push(`${node.from}: ${expr.slice(node.from, node.from + 20)}`);
    },
  });
  return errors;
}

/** Names in the table of docs/service.md, without the prefix. */
function metricsToldIn(text: string): string[] {
  return [...text.matchAll(/`([a-z_]+)(?:\{[a-z_,]+\})?`/g)].map(([, name]) => name as string);
}
