import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { API, FaultProxy } from '../../src/demo/broker';
import { FrameSplitter, InFlight, REQUEST_HEADER_BYTES, requestHeader } from '../../src/demo/broker/frames';
import { until } from '../support/broker';

/** A request of the protocol's outer form, with a body of `body` bytes. */
function request(apiKey: number, correlationId: number, body = 3): Buffer {
  const bytes = Buffer.alloc(12 + body, 0xab);
  bytes.writeInt32BE(8 + body, 0);
  bytes.writeInt16BE(apiKey, 4);
  bytes.writeInt16BE(5, 6);
  bytes.writeInt32BE(correlationId, 8);
  return bytes;
}

function answerTo(correlationId: number, body = 5): Buffer {
  const bytes = Buffer.alloc(8 + body, 0xcd);
  bytes.writeInt32BE(4 + body, 0);
  bytes.writeInt32BE(correlationId, 4);
  return bytes;
}

/** Also when it is by a reset, which `once()` would make a rejection of. */
const closed = (socket: Socket) => new Promise((done) => socket.once('close', done));

describe('frames', () => {
  it('are found however the bytes are cut', () => {
    const bodies = fc.array(fc.nat(40), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 30 })), (sizes, cuts) => {
        const stream = Buffer.concat(sizes.map((size, place) => request(place, 1000 + place, size)));
        const splitter = new FrameSplitter(REQUEST_HEADER_BYTES);
        const pieces = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % Math.max(1, cuts.length)] ?? stream.length;
          pieces.push(...splitter.push(stream.subarray(at, at + size)));
          at += size;
        }
        const headers = pieces.filter((piece) => piece.first).map((piece) => requestHeader(piece.bytes));
        expect(headers).toEqual(
          sizes.map((_size, place) => ({ apiKey: place, apiVersion: 5, correlationId: 1000 + place })),
        );
        expect(Buffer.concat(pieces.map((piece) => piece.bytes)).equals(stream)).toBe(true);
      }),
    );
  });

  it('are refused when they are of another protocol', () => {
    expect(() => new FrameSplitter(4).push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow('not Kafka');
    expect(() => new FrameSplitter(4).push(Buffer.from([0, 0, 0, 0]))).toThrow('not Kafka');
  });

  it('of requests that get no answer are forgotten with the next that does', () => {
    const inFlight = new InFlight();
    for (const correlationId of [1, 2, 3]) inFlight.sent({ apiKey: 0, apiVersion: 9, correlationId });
    expect(inFlight.answered(2)).toMatchObject({ correlationId: 2 });
    expect(inFlight.answered(1)).toBeUndefined();
    expect(inFlight.answered(3)).toMatchObject({ correlationId: 3 });
  });
});

describe('the fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  const sockets = new Set<Socket>();
  /** What the broker's side does with a connection. */
  let serve: (socket: Socket) => void;

  beforeEach(async () => {
    serve = answerEach;
    server = createServer((socket) => {
      keep(socket);
      serve(socket);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    proxy = await FaultProxy.listen((server.address() as { port: number }).port);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
    expect(proxy.counters.open).toBe(0);
    await new Promise((done) => server.close(done));
  });

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }

  /** Answers each request at once, as a broker does. */
  function answerEach(socket: Socket): void {
    const splitter = new FrameSplitter(REQUEST_HEADER_BYTES);
    socket.on('data', (chunk) => {
      for (const piece of splitter.push(chunk as Buffer)) {
        if (piece.first) socket.write(answerTo(requestHeader(piece.bytes).correlationId));
      }
    });
  }

  /** A client, and the correlation ids it was answered, with the time since its making. */
  async function client() {
    const socket = keep(connect({ host: '127.0.0.1', port: proxy.port }));
    const since = performance.now();
    const answered: { id: number; afterMs: number }[] = [];
    const splitter = new FrameSplitter(4);
    socket.on('data', (chunk) => {
      for (const piece of splitter.push(chunk as Buffer)) {
        if (piece.first)
          answered.push({ id: piece.bytes.readInt32BE(4), afterMs: performance.now() - since });
      }
    });
    await once(socket, 'connect');
    return { socket, answered, ids: () => answered.map(({ id }) => id) };
  }

  it('forwards unchanged, also bytes that come one by one', async () => {
    const { socket, ids } = await client();
    for (const byte of request(API.Fetch, 7)) socket.write(Buffer.from([byte]));
    socket.write(Buffer.concat([request(API.Fetch, 8, 200_000), request(API.Produce, 9, 0)]));
    await until('all are answered', () => ids().length === 3);
    expect(ids()).toEqual([7, 8, 9]);
    expect(proxy.counters).toMatchObject({ accepted: 1, requests: 3, answers: 3, dropped: 0, delayed: 0 });
  });

  it('drops answers by api key, whole, and those behind stay readable', async () => {
    const { socket, ids } = await client();
    proxy.dropAnswers(({ apiKey }) => apiKey === API.OffsetCommit);
    for (const [id, key] of [API.Fetch, API.OffsetCommit, API.Heartbeat, API.OffsetCommit, 3].entries()) {
      socket.write(request(key, id));
    }
    await until('the rest is answered', () => ids().length === 3);
    expect(ids()).toEqual([0, 2, 4]);
    expect(proxy.counters.dropped).toBe(2);
    proxy.dropAnswers(true);
    socket.write(request(API.Fetch, 5));
    await until('it is dropped', () => proxy.counters.dropped === 3);
    proxy.dropAnswers(false);
    socket.write(request(API.Fetch, 6));
    await until('it is answered again', () => ids().at(-1) === 6);
    expect(ids()).toEqual([0, 2, 4, 6]);
  });

  it('loses requests by api key, whole, however they are cut', async () => {
    const { socket, ids } = await client();
    const before = proxy.counters.lost;
    proxy.dropRequests(({ apiKey }) => apiKey === API.OffsetCommit);
    const keys = [API.Fetch, API.OffsetCommit, API.OffsetCommit, API.Heartbeat];
    const bytes = Buffer.concat(keys.map((key, id) => request(key, id)));
    for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
    await until('the rest is answered', () => ids().length === 2);
    expect(ids()).toEqual([0, 3]);
    expect(proxy.counters.lost - before).toBe(2);
    proxy.heal();
    socket.write(request(API.OffsetCommit, 4));
    await until('it is answered again', () => ids().at(-1) === 4);
  });

  it('delays each answer from its arrival, not one after the other', async () => {
    const { socket, answered } = await client();
    proxy.delayAnswers(300);
    for (let id = 0; id < 20; id++) socket.write(request(API.Fetch, id));
    await until('all are answered', () => answered.length === 20);
    expect(answered[0]!.afterMs).toBeGreaterThanOrEqual(299);
    // One after the other would take 20 times 300 ms.
    expect(answered[19]!.afterMs - answered[0]!.afterMs).toBeLessThan(2_000);
    expect(answered.map(({ id }) => id)).toEqual([...Array(20).keys()]);
    expect(proxy.counters.delayed).toBeGreaterThanOrEqual(1);
  });

  it('lets go what it holds when healed', async () => {
    const { socket, ids } = await client();
    proxy.delayAnswers(3_600_000);
    socket.write(request(API.Fetch, 1));
    await until('it is held', () => proxy.counters.delayed === 1);
    expect(ids()).toEqual([]);
    proxy.heal();
    await until('it is answered', () => ids().length === 1);
  });

  it('refuses new connections and keeps those that are open', async () => {
    const { socket, ids } = await client();
    await until('it is open', () => proxy.counters.open === 1);
    proxy.refuse(true);
    const refused = keep(connect({ host: '127.0.0.1', port: proxy.port }));
    await closed(refused);
    expect(proxy.counters).toMatchObject({ refused: 1, open: 1, accepted: 1 });
    socket.write(request(API.Fetch, 1));
    await until('the open one is answered', () => ids().length === 1);
    proxy.heal();
    const again = await client();
    again.socket.write(request(API.Fetch, 2));
    await until('a new one is answered', () => again.ids().length === 1);
  });

  it('cuts both sides, also of a connection that is held', async () => {
    let broker: Socket | undefined;
    serve = (socket) => {
      broker = socket;
      answerEach(socket);
    };
    const { socket, ids } = await client();
    proxy.delayAnswers(3_600_000);
    socket.write(request(API.Fetch, 1));
    await until('it is held', () => proxy.counters.delayed === 1);
    const both = Promise.all([closed(socket), closed(broker!)]);
    expect(proxy.cut()).toBe(1);
    await both;
    await until('none is open', () => proxy.counters.open === 0);
    expect(ids()).toEqual([]);
    expect(proxy.counters.cut).toBe(1);
  });

  it('closes the client when the broker is away, and when it speaks another protocol', async () => {
    const { socket } = await client();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await closed(socket);
    await new Promise((done) => server.close(done));
    const lost = keep(connect({ host: '127.0.0.1', port: proxy.port }));
    await closed(lost);
    expect(proxy.counters.open).toBe(0);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  it('slows the broker down when the client does not read', async () => {
    const frames = 256;
    const frame = answerTo(1, 256 * 1024 - 8);
    let sent = 0;
    serve = (socket) => {
      socket.resume();
      const send = () => {
        while (sent < frames) {
          sent++;
          if (!socket.write(frame)) {
            socket.once('drain', send);
            return;
          }
        }
      };
      send();
    };
    const socket = keep(connect({ host: '127.0.0.1', port: proxy.port }));
    socket.pause();
    let seen = -1;
    let since = performance.now();
    await until('nothing flows any more', () => {
      if (seen !== proxy.counters.bytesToClient) since = performance.now();
      seen = proxy.counters.bytesToClient;
      return seen > 0 && performance.now() - since > 300;
    });
    // The kernel's buffers hold some MiB on either side; the rest has to be with the sender still.
    expect(sent).toBeLessThan(frames / 2);
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    await until('all has come', () => received === frames * frame.length);
    expect(proxy.counters).toMatchObject({ answers: frames, bytesToClient: frames * frame.length });
  });
});
