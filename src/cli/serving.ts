/** What `dupescope serve` runs: the HTTP service, the writer that takes in what dead processes left and other hosts report, and what is watched of clusters. */
import pino, { type Logger } from 'pino';
import type { Config } from '../config';
import { errorLine, fail } from '../errors';
import { slowPastTimers } from '../kafka/past-timers';
import { createService, type ReportSink } from '../service';
import { openStore } from '../store/open';
import { startWriter, type WriterClient } from '../store/writer-client';
import { isExportWanted } from '../telemetry/exporting';
import { VERSION } from '../version';
import { FindingExport } from './finding-export';
import { watchClusters } from './watch-clusters';

/** What runs, the last started first: so it is ended. */
type Running = { close(): Promise<void> }[];

export async function serve(config: Config): Promise<void> {
  slowPastTimers();
  const logger = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
  const stop = stopSignal();
  const running: Running = [];
  try {
    const url = await start(config, logger, running);
    process.stdout.write(`dupescope ${VERSION} answers at ${url} (store ${config.store})\n`);
    const signal = await stop;
    logger.info({ signal }, 'ending');
  } finally {
    for (const part of running) await part.close();
  }
}

async function start(config: Config, logger: Logger, running: Running): Promise<string> {
  let writer: WriterClient | null = null;
  const { lag, observers, parts } = watchClusters(config, logger, () => writer);
  const service = createService({
    storePath: config.store,
    ...(config.token === null ? {} : { token: config.token }),
    insecureNoToken: config.insecureNoToken,
    allowedHosts: config.allowedHosts,
    ...(lag === null ? {} : { lag }),
    observers,
    reports: reportsTo(() => writer),
    askIndex: async (text, limitMs) => (await writer?.find(text, limitMs)) ?? null,
    setup: {
      retention: { days: config.retentionDays, bytes: config.retentionBytes },
      links: { grafana: config.grafanaUrl ?? null, traces: config.tracesUrl ?? null },
    },
    version: VERSION,
    logger,
  });
  running.unshift(service);
  // First the address: where it may not be used, no file is made.
  const { url, host } = await service.listen(config.listen);
  if (config.token === null && config.insecureNoToken) {
    logger.warn({ host }, 'no token is set: whoever reaches this address can read everything');
  }
  // Made here and now, so that a path that cannot be written ends the command and not only a thread of it.
  openStore(config.store).close();
  writer = await startWriter({
    storePath: config.store,
    retentionDays: config.retentionDays,
    retentionBytes: config.retentionBytes,
    identitiesMax: config.identitiesMax,
    onProblem: (problem) => logger.error({ code: problem.code }, errorLine(problem)),
  });
  running.unshift(writer);
  for (const part of parts) {
    part.start();
    running.unshift({ close: () => part.stop() });
  }
  if (isExportWanted(process.env)) {
    const findings = FindingExport.start(config.store, logger);
    if (findings !== null) running.unshift(findings);
  }
  const brokers = config.clusters.flatMap((cluster) => cluster.brokers);
  logger.info({ url, store: config.store, brokers }, 'serving');
  return url;
}

/** The service answers before its writer is there, and for a moment after it was closed. */
function reportsTo(writer: () => WriterClient | null): ReportSink {
  const present = () => writer() ?? fail('store-busy', 'The service is starting. Send this again.');
  return {
    report: async (report) => present().report(report),
    past: async (question, limitMs) => present().past(question, limitMs),
  };
}

/** The first signal ends in order, the second at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isEnding = false;
    const end = (signal: NodeJS.Signals) => {
      if (isEnding) process.exit(130);
      isEnding = true;
      resolve(signal);
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
}
