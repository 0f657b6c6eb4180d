/** The four ports of a broker, all of 127.0.0.1. */
export interface BrokerPorts {
  /** Clients without faults. */
  direct: number;
  /** Bound by the broker, used only by the fault proxy. */
  proxied: number;
  controller: number;
  /** Where the proxy listens; the PROXIED listener is advertised here. Equal to `proxied` without a proxy. */
  proxiedAdvertised: number;
}

export interface SettingsInput {
  ports: BrokerPorts;
  /** Where the log of the topics goes, as the broker's own process sees it. */
  dataFolder: string;
  /** The address to bind: loopback, or all addresses of a container whose ports are published on loopback. */
  bind: '127.0.0.1' | '0.0.0.0';
  /** The caller's own; they win. */
  properties: Readonly<Record<string, string>>;
}

/**
 * `server.properties` for one node that is broker and controller.
 *
 * Clients that bootstrap at the PROXIED listener are told the proxy's port for every later connection: a
 * broker answers with the advertised address of the listener it was asked on (KIP-103). Without that, a
 * client would leave the proxy after its first metadata answer.
 */
export function serverProperties(input: SettingsInput): string {
  const { ports, bind } = input;
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'DIRECT',
    listeners: `DIRECT://${bind}:${ports.direct},PROXIED://${bind}:${ports.proxied},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `DIRECT://127.0.0.1:${ports.direct},PROXIED://127.0.0.1:${ports.proxiedAdvertised}`,
    'listener.security.protocol.map': 'DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': input.dataFolder,
    'auto.create.topics.enable': 'false',
    'delete.topic.enable': 'true',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'log.retention.ms': '-1',
    'log.retention.bytes': '-1',
    // A broker that comes back after SIGKILL is refused until its old session has run out (9 s by default).
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '3000',
    'num.network.threads': '2',
    'num.io.threads': '4',
    ...input.properties,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${escapeValue(value)}`)
    .join('\n')}\n`;
}

/** Java's format of properties takes a backslash as an escape, as in a Windows path. */
function escapeValue(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

/** Warnings, errors and the life of groups; a broker at INFO writes two thousand lines before it is up. */
export const LOG4J_PROPERTIES = `appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
logger.groups.name = org.apache.kafka.coordinator.group
logger.groups.level = INFO
`;

/**
 * A small and quick Java: the first compiler only and the serial collector suit two cores and a short life,
 * and no performance file is left in the folder for temporary files.
 */
export const JVM_FLAGS = [
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
] as const;
