/**
 * The outermost layer of Kafka's protocol: every request and every answer is an int32 length and that many
 * bytes. A request begins with int16 api key, int16 api version, int32 correlation id; an answer with the
 * int32 correlation id of its request. All numbers are big endian.
 *
 * @see https://kafka.apache.org/protocol#protocol_messages
 */

const LENGTH_BYTES = 4;
export const REQUEST_HEADER_BYTES = 8;
export const ANSWER_HEADER_BYTES = 4;
/** Kafka's own limit (socket.request.max.bytes) is 100 MiB; a longer frame is some other protocol. */
const LONGEST_FRAME = 1024 * 1024 * 1024;
const MOST_IN_FLIGHT = 10_000;

/** A run of bytes of one frame. `first` pieces hold the length and the header unbroken. */
export interface FramePiece {
  first: boolean;
  bytes: Buffer;
}

/** Cuts a stream of bytes at the borders of frames. Keeps back fewer bytes than a header has, never a body. */
export class FrameSplitter {
  readonly #headerBytes: number;
  #kept: Buffer = Buffer.alloc(0);
  #bodyLeft = 0;

  constructor(headerBytes: number) {
    this.#headerBytes = headerBytes;
  }

  /** @throws Error when the bytes are not Kafka's frames */
  push(chunk: Buffer): FramePiece[] {
    const data = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    const pieces: FramePiece[] = [];
    let at = 0;
    while (at < data.length) {
      const first = this.#bodyLeft === 0;
      if (first) {
        if (data.length - at < LENGTH_BYTES) break;
        const length = data.readInt32BE(at);
        if (length < this.#headerBytes || length > LONGEST_FRAME) {
          throw new Error(`a frame of ${length} bytes is not Kafka's protocol`);
        }
        if (data.length - at < LENGTH_BYTES + this.#headerBytes) break;
        this.#bodyLeft = LENGTH_BYTES + length;
      }
      const bytes = data.subarray(at, Math.min(data.length, at + this.#bodyLeft));
      this.#bodyLeft -= bytes.length;
      at += bytes.length;
      pieces.push({ first, bytes });
    }
    this.#kept = Buffer.from(data.subarray(at));
    return pieces;
  }
}

/** A request as its header tells it. */
export interface RequestHeader {
  /** Produce is 0, Fetch 1, OffsetCommit 8; see `API`. */
  apiKey: number;
  apiVersion: number;
  correlationId: number;
}

/** The api keys that faults are most often limited to. */
export const API = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  InitProducerId: 22,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;

export function requestHeader(firstPiece: Buffer): RequestHeader {
  return {
    apiKey: firstPiece.readInt16BE(LENGTH_BYTES),
    apiVersion: firstPiece.readInt16BE(LENGTH_BYTES + 2),
    correlationId: firstPiece.readInt32BE(LENGTH_BYTES + 4),
  };
}

export function answerCorrelationId(firstPiece: Buffer): number {
  return firstPiece.readInt32BE(LENGTH_BYTES);
}

/**
 * The requests of one connection that wait for an answer. Kafka answers a connection in order, so what is
 * older than an answered request never gets one (Produce with acks=0) and is forgotten.
 */
export class InFlight {
  readonly #waiting: RequestHeader[] = [];

  sent(request: RequestHeader): void {
    this.#waiting.push(request);
    if (this.#waiting.length > MOST_IN_FLIGHT) this.#waiting.shift();
  }

  /** The request that this answer is for; undefined when it was never seen. */
  answered(correlationId: number): RequestHeader | undefined {
    const place = this.#waiting.findIndex((request) => request.correlationId === correlationId);
    return place < 0 ? undefined : this.#waiting.splice(0, place + 1).at(-1);
  }
}
