/** What the SDK leaves out: panel ids, ids of targets, and the data source of each. Ids are places, so they are stable. */
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
}

/** @param source of every panel and annotation */
export function finish(built: dashboard.Dashboard, source: Source): dashboard.Dashboard {
  const panels = (built.panels ?? []) as AnyPanel[];
  panels.forEach((panel, place) => {
    panel.id = place + 1;
    if (panel.type === 'row') return;
    panel.datasource = source;
    panel.targets?.forEach((target, i) => {
      target.refId = String.fromCharCode('A'.charCodeAt(0) + i);
      target.datasource = source;
    });
  });
  return built;
}
