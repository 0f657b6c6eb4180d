/** What the service tells of its own setup; who configured it is not its business. */

export interface Setup {
  /** What the writer keeps; null: another process's writer decides. */
  retention: { days: number; bytes: number } | null;
  /** Templates of addresses with {cluster}, {group}, {topic}, {partition}, {offset}, {from} and {to} (unix ms). */
  links: { grafana: string | null; traces: string | null };
}

export const NO_SETUP: Setup = { retention: null, links: { grafana: null, traces: null } };
