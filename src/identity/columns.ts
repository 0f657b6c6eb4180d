/**
 * A fetched batch as columns: what the store has to know of each record, as typed arrays that can be handed to its
 * thread by transfer. No payload leaves here. Cost a record of 200 B with a UUID header: see `npm run bench:identity`.
 */
import { type FoundIdentity, IdentityFinder, type IdentityRules } from './finder';
import { Hasher, scopeOf } from './hash';
import type { Message } from './message';
import { clearText } from './normalise';
import { attemptOf, provenanceOf } from './provenance';

/** What kafkajs leaves in a message's untyped `batchContext`, as far as it is used here. */
export interface BatchContext {
  firstOffset?: string | number;
  lastOffsetDelta?: number;
  timestampType?: number;
  /** '-1': not idempotent. */
  producerId?: string | number;
  producerEpoch?: number;
  firstSequence?: number;
  inTransaction?: boolean;
}

/** A record as `eachBatch` gives it, or with numbers instead of their texts. */
export interface FetchedRecord extends Message {
  offset: string | number;
  /** Unix ms; -1 where the record has none. */
  timestamp: string | number;
  batchContext?: BatchContext;
}

/** One record batch as a producer wrote it. */
export interface WrittenBatch {
  firstOffset: number;
  /** As written; compaction may have left fewer. */
  records: number;
  createTime: boolean;
  transactional: boolean;
  producerId: number | null;
  producerEpoch: number;
  firstSequence: number;
}

export interface RecordColumns {
  count: number;
  offsets: Float64Array;
  /** Unix ms, -1 where the record has none. */
  times: Float64Array;
  /** Four words a record, zeros where it has no identity. */
  hashes: Uint32Array;
  payloads: Uint32Array;
  /** 0: no identity; else one more than the index into `sourceNames`. */
  sources: Uint8Array;
  /** 0: none; else one more than the index into `provenanceNames`. */
  provenances: Uint8Array;
  /** Which attempt those headers tell, in 16 bits; 0: none. */
  attempts: Uint16Array;
  /** 1: the record has a key. */
  keyed: Uint8Array;
  /** Index into `batches`. */
  batchOf: Uint32Array;
  /** Identities in clear, bounded, in UTF-8; record i has what lies before `textEnds[i]`. */
  texts: Uint8Array;
  textEnds: Uint32Array;
  sourceNames: string[];
  provenanceNames: string[];
  batches: WrittenBatch[];
}

const LOG_APPEND_TIME = 1;
const NAMES_MAX = 254;
/** UTF-8 bytes of the longest clear text. */
const CLEAR_BYTES_MAX = 256 * 3 + 4;

export interface RecordReaderOptions {
  /** Name of the topic, whatever the cluster. */
  topic: string;
  rules?: IdentityRules;
  /** The store's 16 bytes; `IdentityIndex.seed`. */
  seed: Uint8Array;
  /** False: identities leave as hashes alone. Default true. */
  clearTexts?: boolean;
}

/** Reads the records of one topic. Keeps nothing between two batches. */
export class RecordReader {
  private readonly finder: IdentityFinder;
  private readonly hasher: Hasher;
  private readonly scopes = new Map<string, string>();
  private text = Buffer.allocUnsafe(65_536);

  /** Throws `bad-configuration` on rules that cannot be followed. */
  constructor(private readonly options: RecordReaderOptions) {
    this.finder = new IdentityFinder(options.rules);
    this.hasher = new Hasher(options.seed);
  }

  /** Never throws, whatever the records hold. Buffers of the records are not kept. */
  read(records: readonly FetchedRecord[]): RecordColumns {
    const columns = emptyColumns(records.length);
    const clear = this.options.clearTexts !== false;
    let context: BatchContext | undefined;
    let textEnd = 0;
    records.forEach((record, i) => {
      const { hashes } = columns;
      columns.offsets[i] = Number(record.offset);
      columns.times[i] = Number(record.timestamp);
      columns.payloads[i] = this.hasher.payload(record.key, record.value);
      columns.keyed[i] = record.key === null ? 0 : 1;
      // kafkajs shares one object among the records of a batch.
      if (i === 0 || record.batchContext !== context) {
        context = record.batchContext;
        columns.batches.push(writtenBatch(record));
      }
      columns.batchOf[i] = columns.batches.length - 1;
      const provenance = provenanceOf(record.headers);
      if (provenance !== null) {
        columns.provenances[i] = indexOf(columns.provenanceNames, provenance);
        columns.attempts[i] = this.attempt(record);
      }
      const found = this.finder.find(record);
      if (found !== null) {
        columns.sources[i] = indexOf(columns.sourceNames, found.source);
        this.hasher.identity(this.scope(found), found.text);
        hashes.set(this.hasher.out, i * 4);
        if (clear) textEnd += this.write(clearText(found.text), textEnd);
      }
      columns.textEnds[i] = textEnd;
    });
    columns.texts = new Uint8Array(this.text.subarray(0, textEnd));
    return columns;
  }

  private attempt({ headers }: Message): number {
    const parts = attemptOf(headers);
    if (parts.length === 0) return 0;
    return Number.parseInt(this.hasher.fingerprint(parts).slice(0, 4), 16) || 1;
  }

  private scope({ family }: FoundIdentity): string {
    const known = this.scopes.get(family);
    if (known !== undefined) return known;
    const scope = scopeOf(this.options.topic, family);
    this.scopes.set(family, scope);
    return scope;
  }

  private write(text: string, at: number): number {
    if (at + CLEAR_BYTES_MAX > this.text.length) {
      this.text = Buffer.concat([this.text, Buffer.allocUnsafe(this.text.length)]);
    }
    return this.text.write(text, at, 'utf8');
  }
}

/** What to hand to `postMessage` beside the columns, so that nothing is copied. */
export function transferOf(columns: RecordColumns): ArrayBuffer[] {
  const { offsets, times, hashes, payloads, sources, provenances, attempts } = columns;
  const { keyed, batchOf, texts, textEnds } = columns;
  return [
    offsets,
    times,
    hashes,
    payloads,
    sources,
    provenances,
    attempts,
    keyed,
    batchOf,
    texts,
    textEnds,
  ].map((column) => column.buffer as ArrayBuffer);
}

/** The identity of record i in clear; null where it has none or it is not kept. */
export function clearTextOf(columns: RecordColumns, i: number): string | null {
  const from = i === 0 ? 0 : (columns.textEnds[i - 1] as number);
  const end = columns.textEnds[i] as number;
  return from === end
    ? null
    : Buffer.from(columns.texts.buffer, columns.texts.byteOffset + from, end - from).toString();
}

/** Room for so many records; 0 for a batch without any. */
export function emptyColumns(count: number): RecordColumns {
  return {
    count,
    offsets: new Float64Array(count),
    times: new Float64Array(count),
    hashes: new Uint32Array(count * 4),
    payloads: new Uint32Array(count),
    sources: new Uint8Array(count),
    provenances: new Uint8Array(count),
    attempts: new Uint16Array(count),
    keyed: new Uint8Array(count),
    batchOf: new Uint32Array(count),
    texts: new Uint8Array(0),
    textEnds: new Uint32Array(count),
    sourceNames: [],
    provenanceNames: [],
    batches: [],
  };
}

function writtenBatch({ batchContext: context, offset }: FetchedRecord): WrittenBatch {
  const producerId = Number(context?.producerId ?? -1);
  const idempotent =
    Number.isSafeInteger(producerId) && producerId >= 0 && (context?.firstSequence ?? -1) >= 0;
  return {
    firstOffset: Number(context?.firstOffset ?? offset),
    records: (context?.lastOffsetDelta ?? 0) + 1,
    createTime: context?.timestampType !== LOG_APPEND_TIME,
    transactional: context?.inTransaction === true,
    producerId: idempotent ? producerId : null,
    producerEpoch: context?.producerEpoch ?? -1,
    firstSequence: context?.firstSequence ?? -1,
  };
}

/** One more than the place of that name; names beyond the column's range share its last place. */
function indexOf(names: string[], name: string): number {
  const known = names.indexOf(name);
  if (known >= 0) return known + 1;
  if (names.length < NAMES_MAX) names.push(name);
  else if (names.length === NAMES_MAX) names.push('others');
  return names.length;
}
