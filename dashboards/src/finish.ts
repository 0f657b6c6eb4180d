/**
 * What the SDK leaves out: panel ids, ids of targets, and the data source of each. Ids are places, so they are stable.
 * And what it puts in although Grafana's schema has it no longer, or not there.
 */
import type { dashboard } from './sdk';

interface Source {
  type: string;
  uid: string;
}

interface Asking {
  refId?: string;
  datasource?: Source;
}

interface AnyPanel {
  id?: number;
  type: string;
  datasource?: Source;
  targets?: Asking[];
  options?: Record<string, unknown>;
}

/** Choices of variables that are intervals. */
const OF_INTERVALS = ['auto', 'auto_min', 'auto_count'] as const;

/** @param source of every panel and annotation */
export function finish(built: dashboard.Dashboard, source: Source): dashboard.Dashboard {
  const panels = (built.panels ?? []) as AnyPanel[];
  panels.forEach((panel, place) => {
    panel.id = place + 1;
    if (panel.type === 'row') return;
    panel.datasource = source;
    ask(panel.targets ?? [], source);
    // Of Grafana before 13.
    if (panel.type === 'table') delete panel.options?.footer;
  });
  const marks = (built.annotations.list ?? []) as { target?: Asking }[];
  for (const { target } of marks) if (target !== undefined) ask([target], source);
  for (const variable of built.templating.list ?? []) for (const name of OF_INTERVALS) delete variable[name];
  return built;
}

function ask(targets: Asking[], source: Source): void {
  targets.forEach((target, i) => {
    target.refId = String.fromCharCode('A'.charCodeAt(0) + i);
    target.datasource = source;
  });
}
