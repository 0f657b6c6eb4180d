/** A port that speaks just enough of Kafka's protocol to refuse every login. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

const API_VERSIONS = 18;
const SASL_HANDSHAKE = 17;
const SASL_AUTHENTICATE = 36;
/** SASL_AUTHENTICATION_FAILED */
const REFUSED = 58;

export interface SaslBroker {
  address: string;
  close(): Promise<void>;
}

export async function startSaslBroker(): Promise<SaslBroker> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let pending = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (piece: Buffer) => {
      pending = Buffer.concat([pending, piece]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const size = pending.readInt32BE(0);
        socket.write(answerTo(pending.subarray(4, 4 + size)));
        pending = pending.subarray(4 + size);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Request header v1: api key, api version, correlation id... The answer: size, correlation id, body. */
function answerTo(request: Buffer): Buffer {
  const body = bodyFor(request.readInt16BE(0), request.readInt16BE(2));
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + body.length, 0);
  head.writeInt32BE(request.readInt32BE(4), 4);
  return Buffer.concat([head, body]);
}

function bodyFor(apiKey: number, version: number): Buffer {
  switch (apiKey) {
    case API_VERSIONS: {
      const apis = [3, 10, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE];
      const ranges = apis.flatMap((key) => [int16(key), int16(0), int16(1)]);
      return Buffer.concat([int16(0), int32(apis.length), ...ranges, ...(version > 0 ? [int32(0)] : [])]);
    }
    case SASL_HANDSHAKE:
      return Buffer.concat([int16(0), int32(1), text('PLAIN')]);
    default:
      return Buffer.concat([int16(REFUSED), text('Authentication failed'), int32(0), Buffer.alloc(8)]);
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}
