import type { Socket } from 'node:net';
import { pipeline, Transform, type TransformCallback } from 'node:stream';
import type { Faults } from './faults';
import {
  ANSWER_HEADER_BYTES,
  answerCorrelationId,
  FrameSplitter,
  InFlight,
  REQUEST_HEADER_BYTES,
  requestHeader,
} from './frames';

/** Pieces that may wait behind a held answer; each is a read of at most 64 KiB, so 4 MiB together. */
const MOST_PIECES = 64;

interface TimedPiece {
  first: boolean;
  bytes: Buffer;
  /** Of `performance.now()`. */
  arrivedAtMs: number;
}

/**
 * Joins a client's socket with the broker's, faults between:
 *
 *     client -> note requests, lose some -> broker -> stamp pieces -> drop, hold or pass -> client
 *
 * By pipelines: a slow side slows the other down, an error or the end of one ends the other, and at most
 * `MOST_PIECES` reads are kept. More answers in flight than that are delayed for longer than asked.
 */
export function link(client: Socket, broker: Socket, faults: Faults): void {
  const inFlight = new InFlight();
  pipeline(client, noteRequests(inFlight, faults), broker, () => undefined);
  pipeline(broker, stampPieces(), gate(inFlight, faults), client, () => undefined);
}

/** A request is noted before its bytes go on, and so before its answer; it goes on whole or not at all. */
function noteRequests(inFlight: InFlight, faults: Faults): Transform {
  const { counters } = faults;
  const splitter = new FrameSplitter(REQUEST_HEADER_BYTES);
  let losing = false;
  return new Transform({
    transform: guarded(function (this: Transform, chunk, done) {
      for (const piece of splitter.push(chunk)) {
        if (piece.first) {
          const request = requestHeader(piece.bytes);
          counters.requests++;
          losing = faults.loses(request);
          if (!losing) inFlight.sent(request);
        }
        if (losing) continue;
        counters.bytesToBroker += piece.bytes.length;
        this.push(piece.bytes);
      }
      done();
    }),
  });
}

/** Takes the time of arrival before a held answer can make those behind it wait. */
function stampPieces(): Transform {
  const splitter = new FrameSplitter(ANSWER_HEADER_BYTES);
  return new Transform({
    readableObjectMode: true,
    readableHighWaterMark: MOST_PIECES,
    transform: guarded(function (this: Transform, chunk, done) {
      const arrivedAtMs = performance.now();
      for (const piece of splitter.push(chunk)) this.push({ ...piece, arrivedAtMs } satisfies TimedPiece);
      done();
    }),
  });
}

/** Decides once for each answer, at its first piece; the others follow it. */
function gate(inFlight: InFlight, faults: Faults): Transform {
  const { counters } = faults;
  let dropping = false;
  const pass = async (piece: TimedPiece): Promise<Buffer | undefined> => {
    if (piece.first) {
      const correlationId = answerCorrelationId(piece.bytes);
      const request = inFlight.answered(correlationId) ?? { apiKey: -1, apiVersion: -1, correlationId };
      counters.answers++;
      dropping = faults.takes(request);
      if (!dropping) await faults.hold(request, piece.arrivedAtMs);
    }
    if (dropping) return undefined;
    counters.bytesToClient += piece.bytes.length;
    return piece.bytes;
  };
  return new Transform({
    writableObjectMode: true,
    writableHighWaterMark: 1,
    transform: (piece: TimedPiece, _encoding, done) => {
      pass(piece).then((bytes) => done(null, bytes), done);
    },
  });
}

/** A step whose throw ends the connection instead of the process. */
function guarded(step: (this: Transform, chunk: Buffer, done: TransformCallback) => void) {
  return function (this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
    try {
      step.call(this, chunk, done);
    } catch (error) {
      done(error as Error);
    }
  };
}
