/** The committed dashboards, as far as tests look at them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Source {
  type: string;
  uid: string;
}

export interface Target {
  refId: string;
  datasource: Source;
  expr?: string;
  legendFormat?: string;
  instant?: boolean;
  exemplar?: boolean;
  queryText?: string;
  rawQueryText?: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  datasource: Source;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
  fieldConfig: {
    defaults: { unit: string; noValue: string; thresholds: { steps: { value: number | null }[] } };
  };
}

export interface Variable {
  name: string;
  type: string;
  query: string;
  datasource?: Source;
  allValue?: string;
}

export interface Board {
  uid: string;
  title: string;
  description: string;
  schemaVersion: number;
  tags: string[];
  links: object[];
  panels: Panel[];
  templating: { list: Variable[] };
  annotations: { list?: { name: string; target: Target & { expr: string }; datasource: Source }[] };
}

const FOLDER = join(__dirname, '../../dashboards/json');

export function dashboards(): Board[] {
  return ['overview', 'evidence'].map(
    (name) => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Board,
  );
}

export interface Asked {
  /** Panel or annotation. */
  of: string;
  expr: string;
  exemplar?: boolean;
}

/** Every expression of a dashboard: of panels and of annotations. */
export function promTargets(board: Board): Asked[] {
  return [
    ...board.panels.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr, exemplar }) =>
        expr === undefined ? [] : [{ of: title, expr, ...(exemplar === true ? { exemplar } : {}) }],
      ),
    ),
    ...(board.annotations.list ?? []).map(({ name, target }) => ({
      of: `annotation ${name}`,
      expr: target.expr,
    })),
  ];
}

export function sqlTargets(board: Board): { of: string; sql: string }[] {
  return board.panels.flatMap(({ title, targets = [] }) =>
    targets.flatMap(({ rawQueryText }) =>
      rawQueryText === undefined ? [] : [{ of: title, sql: rawQueryText }],
    ),
  );
}

export function variablesOf(board: Board): Variable[] {
  return board.templating.list.filter(({ type }) => type === 'query');
}
