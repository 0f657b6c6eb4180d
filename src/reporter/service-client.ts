/** HTTP to the service: JSON there, JSON back, a bearer token, one connection that is kept. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { gzipSync } from 'node:zlib';
import { whole } from '../latch';
import { VERSION } from '../version';

export interface ServiceAddress {
  /** http://host:7475, with a path where a proxy has put it there. */
  url: string;
  token: string | null;
  /** Read anew for every request: a token may be replaced while the process runs. */
  tokenFile: string | null;
  /** PEM file of the authorities that may have signed the service's certificate; null: the well-known ones. */
  caFile: string | null;
}

export interface ServiceAnswer {
  status: number;
  /** Parsed JSON; null when it is none. */
  body: unknown;
  /** Of the header Retry-After; null: not said. */
  retryAfterMs: number | null;
}

const ANSWER_MAX_BYTES = 4 * 1024 * 1024;
/** Below this, compression costs more than it saves. */
const PLAIN_MAX_CHARACTERS = 1024;

export class ServiceClient {
  private readonly isSecure: boolean;
  private readonly agent: HttpAgent;

  constructor(private readonly address: ServiceAddress) {
    this.isSecure = address.url.startsWith('https:');
    const options = { keepAlive: true, maxSockets: 4 };
    const ca = address.caFile === null ? {} : { ca: readFileSync(address.caFile) };
    this.agent = this.isSecure ? new HttpsAgent({ ...options, ...ca }) : new HttpAgent(options);
  }

  /** Rejects with the network's error, or after `limitMs`. Redirects are answers, not followed. */
  post(path: string, json: string, limitMs: number): Promise<ServiceAnswer> {
    const { url, token, tokenFile } = this.address;
    const target = new URL(path, url.endsWith('/') ? url : `${url}/`);
    const zipped = json.length > PLAIN_MAX_CHARACTERS ? whole(() => gzipSync(json, { level: 4 })) : null;
    const body = zipped ?? Buffer.from(json);
    const bearer = tokenFile === null ? token : readFileSync(tokenFile, 'utf8').trim();
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'user-agent': `dupescope/${VERSION}`,
      ...(zipped !== null ? { 'content-encoding': 'gzip' } : {}),
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
    };
    return new Promise((resolve, reject) => {
      const make = this.isSecure ? httpsRequest : httpRequest;
      const signal = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
      const call = make(target, { method: 'POST', headers, agent: this.agent, signal }, (response) => {
        answerOf(response).then(resolve, reject);
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

async function answerOf(response: IncomingMessage): Promise<ServiceAnswer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response) {
    pieces.push(piece as Buffer);
    length += (piece as Buffer).length;
    if (length > ANSWER_MAX_BYTES) throw new Error('the answer is too long');
  }
  return {
    status: response.statusCode ?? 0,
    body: jsonOrNull(Buffer.concat(pieces).toString()),
    retryAfterMs: retryAfterMs(response.headers['retry-after']),
  };
}

/** Of a header in either form, seconds or a date; null: none, or nonsense. */
function retryAfterMs(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
