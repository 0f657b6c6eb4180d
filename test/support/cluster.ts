/**
 * Three nodes of Kafka on this machine's Java, each broker and controller, for tests in which leadership moves. What
 * is written stands on all three, two of which are enough to go on.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { javaLaunch, type Launch, type LaunchPlace } from '../../src/demo/broker/launch';
import { freePorts } from '../../src/demo/broker/ports';
import { probeJava } from '../../src/demo/broker/probes';
import { JVM_FLAGS, LOG4J_PROPERTIES, serverProperties } from '../../src/demo/broker/settings';
import { type Run, Supervision } from '../../src/demo/broker/supervision';
import { ownSurroundings, testKafka, until } from './broker';

const NODES = [1, 2, 3] as const;
const UP_LIMIT_MS = 120_000;
/** Of each node; two cores carry three of them so. */
const HEAP = '-Xmx256m';

export interface Cluster {
  /** host:port of every node. */
  brokers: string[];
  /** SIGKILL, and waits for its end. */
  kill(node: number): Promise<void>;
  /** The same node with the same data, and waits until it is one of the cluster again. */
  restart(node: number): Promise<void>;
  stop(): Promise<void>;
}

interface Node {
  id: number;
  supervision: Supervision;
  place: LaunchPlace;
  run: Run | null;
}

/** Kafka's own form of a UUID, as its tools take it. */
const uuid = () => `D${randomBytes(16).toString('base64url').slice(1)}`;

/** @throws DupescopeError 'no-broker-available', or Error with the end of a node's log */
export async function startCluster(): Promise<Cluster> {
  const surroundings = ownSurroundings();
  const java = await probeJava(surroundings);
  if (!java.open) throw new Error(`three nodes need Java: ${java.reason}`);
  const launch = await javaLaunch(java.way, surroundings, () => undefined);
  const nodes: Node[] = [];
  const cluster: Cluster = {
    brokers: [],
    async kill(id) {
      const node = nodeOf(nodes, id);
      node.supervision.kill();
      await node.run?.ended;
      node.run = null;
    },
    async restart(id) {
      await up(launch, nodeOf(nodes, id));
      await served(cluster.brokers, nodes);
    },
    async stop() {
      await Promise.all(nodes.map(({ supervision }) => supervision.stop()));
    },
  };
  try {
    const ports = await freePorts(3 * NODES.length);
    for (const [i, id] of NODES.entries()) {
      const [direct = 0, proxied = 0, controller = 0] = ports.slice(3 * i);
      const supervision = await Supervision.start();
      const place = {
        folder: supervision.folder,
        ports: { direct, proxied, controller, proxiedAdvertised: proxied },
      };
      nodes.push({ id, supervision, place, run: null });
    }
    cluster.brokers = nodes.map(({ place }) => `127.0.0.1:${place.ports.direct}`);
    await format(launch, nodes);
    for (const node of nodes) await up(launch, node);
    await served(cluster.brokers, nodes);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function nodeOf(nodes: readonly Node[], id: number): Node {
  const node = nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`there is no node ${id}`);
  return node;
}

/** All three are told of all three; KRaft refuses a folder that is not formatted. */
async function format(launch: Launch, nodes: readonly Node[]): Promise<void> {
  const controllers = nodes.map(({ id, place }) => ({ id, at: `127.0.0.1:${place.ports.controller}` }));
  const voters = controllers.map(({ id, at }) => `${id}@${at}:${uuid()}`).join(',');
  const args = [
    'format',
    '--cluster-id',
    uuid(),
    '--initial-controllers',
    voters,
    '--config',
    'server.properties',
  ];
  for (const node of nodes) {
    const { folder, ports } = node.place;
    const settings = serverProperties({
      ports,
      dataFolder: join(folder, 'data'),
      bind: launch.bind,
      properties: {
        'node.id': String(node.id),
        'controller.quorum.bootstrap.servers': controllers.map(({ at }) => at).join(','),
        'offsets.topic.replication.factor': '3',
        'offsets.topic.num.partitions': '3',
        'min.insync.replicas': '2',
        // A busy machine may hold a node up for longer than the one second that is enough otherwise.
        'broker.session.timeout.ms': '6000',
        'controller.quorum.fetch.timeout.ms': '4000',
      },
    });
    await writeFile(join(folder, 'server.properties'), settings);
    await writeFile(join(folder, 'log4j2.properties'), LOG4J_PROPERTIES);
    const { ended } = await node.supervision.run(launch.command(node.place, 'kafka.tools.StorageTool', args));
    if ((await ended).code !== 0) throw new Error(`node ${node.id}: ${node.supervision.log().slice(-2_000)}`);
  }
}

async function up(launch: Launch, node: Node): Promise<void> {
  const { command, args } = launch.command(node.place, 'kafka.Kafka', ['server.properties']);
  const small = [...args.slice(0, JVM_FLAGS.length), HEAP, ...args.slice(JVM_FLAGS.length)];
  node.run = await node.supervision.run({ command, args: small });
  void node.run.ended.then(() => {
    node.run = null;
  });
}

async function served(brokers: string[], nodes: readonly Node[]): Promise<void> {
  const admin = testKafka({ brokers, retry: { retries: 5, initialRetryTime: 50 } }).admin();
  try {
    await until(
      'all nodes are of the cluster',
      async () => {
        const over = nodes.find(({ run }) => run === null);
        if (over !== undefined)
          throw new Error(`node ${over.id} ended: ${over.supervision.log().slice(-2_000)}`);
        try {
          await admin.connect();
          return (await admin.describeCluster()).brokers.length === nodes.length;
        } catch {
          return false;
        }
      },
      UP_LIMIT_MS,
    );
  } finally {
    await admin.disconnect();
  }
}
