/** What `dupescope doctor` looks at: what works here, and what Dupescope can and cannot see on this cluster. */
import type { Config } from '../config';
import { errorLine } from '../errors';
import { kafkaChecks } from './doctor-kafka';
import { journalCheck, type Line, storeChecks } from './doctor-store';
import { topicNames } from './doctor-topics';

/** As package.json's engines says. */
const NODE_MIN = [20, 19] as const;

/**
 * @param configOf throws 'bad-configuration', which is a finding like others
 * @param topic names of topics that must be there, separated by commas
 */
export async function examine(configOf: () => Config, topic: string | undefined): Promise<Line[]> {
  const topics = topicNames(topic);
  const lines = versions();
  let config: Config;
  try {
    config = configOf();
  } catch (error) {
    return [...lines, { level: 'fail', what: 'configuration', text: errorLine(error) }];
  }
  lines.push({ level: 'ok', what: 'configuration', text: 'every key is known and valid' });
  lines.push(...storeChecks(config.store), journalCheck(config.store));
  const clusters = config.clusters.length === 0 ? [config] : config.clusters;
  for (const cluster of clusters) lines.push(...(await kafkaChecks({ ...config, ...cluster }, topics)));
  return lines;
}

function versions(): Line[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
  return [
    {
      level: isOld ? 'fail' : 'ok',
      what: 'node',
      text: `${process.versions.node} on ${process.platform} ${process.arch}${isOld ? `; ${NODE_MIN.join('.')} or newer is needed` : ''}`,
    },
  ];
}
