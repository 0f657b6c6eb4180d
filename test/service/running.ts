/** A service on a free port of loopback, and a plain HTTP client that may send any header. */
import { request } from 'node:http';
import pino from 'pino';
import { createService, type LagSource, type Service, type ServiceOptions } from '../../src/service';

export interface Running {
  service: Service;
  port: number;
  url: string;
}

export async function startService(
  options: Partial<ServiceOptions> & { storePath: string; listenPort?: number },
): Promise<Running> {
  const service = createService({
    allowedHosts: [],
    version: '0.0.0-test',
    logger: pino({ level: 'silent' }),
    ...options,
  });
  const { port, url } = await service.listen({ host: '127.0.0.1', port: options.listenPort ?? 0 });
  return { service, port, url };
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

export function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = options;
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(options.body);
  });
}

/** The parsed body; what it is, the test says. */
export async function json<T>(port: number, path: string, status = 200): Promise<T> {
  const answer = await ask(port, path);
  if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text) as T;
}

export function fixedLag(): LagSource & { answered: boolean } {
  const value = {
    cluster: 'c1',
    group: 'billing',
    topic: 'orders',
    partition: 0,
    committed: 150,
    logEnd: 250,
  };
  const known = { ...value, records: 100, at: Date.now() };
  return {
    answered: true,
    all: () => [known],
    of: (cluster, group, topic, partition) =>
      cluster === 'c1' && group === 'billing' && topic === 'orders' && partition === 0 ? known : null,
    ready() {
      return this.answered;
    },
    problem: () => null,
  };
}
