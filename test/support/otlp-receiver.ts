/** A small stand-in for a collector: takes OTLP/HTTP in JSON, gzip or not, and keeps the spans, each once. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

type Value = { stringValue?: string; intValue?: string | number; doubleValue?: number; boolValue?: boolean };

interface KeyValue {
  key: string;
  value: Value;
}

export interface WireSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** CONSUMER is 5 here, CLIENT 3. */
  kind: number;
  status: number;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string; attributes: Record<string, unknown> }[];
  service: string;
  pid: number;
}

export class OtlpReceiver {
  readonly spans = new Map<string, WireSpan>();
  /** How often each came, by name. */
  readonly received: string[] = [];
  /** Answers so instead of taking anything, while it is set. */
  refuseWith: number | null = null;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.refuseWith !== null) return void response.writeHead(this.refuseWith).end();
        const raw = Buffer.concat(chunks);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
        const isTraces = request.url === '/v1/traces';
        if (isTraces) this.take(JSON.parse(body.toString()));
        response.writeHead(isTraces ? 200 : 404, { 'Content-Type': 'application/json' }).end('{}');
      });
    });
  }

  static async listen(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  all(): WireSpan[] {
    return [...this.spans.values()];
  }

  // biome-ignore lint/suspicious/noExplicitAny: what came over the wire
  private take(body: any): void {
    for (const { resource, scopeSpans } of body.resourceSpans ?? []) {
      const of = read(resource?.attributes);
      for (const { spans } of scopeSpans ?? []) {
        for (const span of spans ?? []) {
          this.received.push(span.name);
          this.spans.set(`${span.traceId} ${span.spanId}`, {
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentSpanId ?? '',
            name: span.name,
            kind: span.kind,
            status: span.status?.code ?? 0,
            attributes: read(span.attributes),
            // biome-ignore lint/suspicious/noExplicitAny: what came over the wire
            links: (span.links ?? []).map((link: any) => ({
              traceId: link.traceId,
              spanId: link.spanId,
              attributes: read(link.attributes),
            })),
            service: String(of['service.name']),
            pid: Number(of['process.pid']),
          });
        }
      }
    }
  }
}

function read(attributes: KeyValue[] | undefined): Record<string, unknown> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, valueIn(value)]));
}

function valueIn(value: Value): unknown {
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
