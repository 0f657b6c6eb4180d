import fc from 'fast-check';
import {
  CLEAR_TEXT_MAX,
  clearTextOf,
  DEFAULT_RULES,
  Hasher,
  type Headers,
  hexOf,
  type IdentityChoice,
  IdentityFinder,
  normalise,
  provenanceOf,
  RecordReader,
  scopeOf,
} from '../../src/identity';

const UUID = '0b1e9c7a-3f52-4c1d-9a70-6f1f2d3c4b5a';
const find = (headers: Record<string, unknown>, value: string | null = 'v', rules = DEFAULT_RULES) =>
  new IdentityFinder(rules).find({
    key: Buffer.from('k'),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        name,
        typeof text === 'string' ? Buffer.from(text) : text,
      ]),
    ) as Headers,
  });

describe('the catalogue of headers', () => {
  test.each([
    ['ce_id+ce_source', { ce_id: 'A1', ce_source: '/orders' }, '/orders A1'],
    ['MessageId', { MessageId: UUID.toUpperCase() }, UUID],
    ['axon-message-id', { 'axon-message-id': 'x' }, 'x'],
    ['cap-msg-id', { 'cap-msg-id': '123' }, '123'],
    ['x-message-id', { 'x-message-id': 'x' }, 'x'],
    ['_watermill_message_uuid', { _watermill_message_uuid: UUID }, UUID],
    ['rbs2-msg-id', { 'rbs2-msg-id': UUID }, UUID],
    ['NServiceBus.MessageId', { 'NServiceBus.MessageId': UUID }, UUID],
    ['dop-msg-id', { 'dop-msg-id': 'x' }, 'x'],
    ['message-id', { 'message-id': 'x' }, 'x'],
    ['id (outbox)', { id: `"${UUID}"` }, UUID],
    ['id (outbox)', { id: '42' }, '42'],
    ['id (outbox)', { id: '01arz3ndektsv4rrffq69g5fav' }, '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['id (outbox)', { id: '507F1F77bcf86cd799439011' }, '507f1f77bcf86cd799439011'],
    ['Idempotency-Key', { 'Idempotency-Key': 'x' }, 'x'],
    ['webhook-id', { 'webhook-id': 'msg_1' }, 'msg_1'],
    ['Nats-Msg-Id', { 'Nats-Msg-Id': 'x' }, 'x'],
    ['message_id (any case)', { Message_ID: 'x' }, 'x'],
    ['messageid (any case)', { messageId: 'x' }, 'x'],
    ['event_id (any case)', { EVENT_ID: 'x' }, 'x'],
    ['eventid (any case)', { eventId: 'x' }, 'x'],
    ['x-event-id (any case)', { 'X-Event-Id': 'x' }, 'x'],
  ])('%s', (source, headers, text) => {
    expect(find(headers)).toMatchObject({ source, text });
  });

  test('is followed in its order, whatever the order of the headers', () => {
    const all = {
      'x-event-id': 'e',
      webhook_id: 'w',
      id: '7',
      'message-id': 'm',
      MessageId: 'M',
      ce_source: 's',
      ce_id: 'c',
    };
    const rest: Record<string, string> = { ...all };
    const sources = [];
    for (let found = find(rest); found !== null; found = find(rest)) {
      sources.push(found.source);
      const name = found.source === 'ce_id+ce_source' ? 'ce_id' : found.source.split(' ')[0];
      delete rest[name as string];
    }
    expect(sources).toEqual([
      'ce_id+ce_source',
      'MessageId',
      'message-id',
      'id (outbox)',
      'x-event-id (any case)',
    ]);
  });

  test.each([
    ['half a pair', { ce_id: 'A1' }],
    ['an outbox id of no shape', { id: 'customer-7' }],
    ['a correlation id', { 'x-correlation-id': UUID, 'correlation-id': UUID, 'rbs2-corr-id': UUID }],
    [
      'a trace',
      { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-chunk-id': '1' },
    ],
    ['an empty value', { 'message-id': '', MessageId: '  ', webhook_id: '""' }],
    ['nothing usable', { 'message-id': undefined, MessageId: [], 'x-message-id': {} }],
    ['a plain JSON content type', { 'content-type': 'application/json' }],
  ])('does not take %s', (_, headers) => {
    expect(find(headers, '{"id":"1","source":"s"}')).toBeNull();
  });

  test('takes a CloudEvent in structured mode for the same as in binary mode', () => {
    const structured = find(
      { 'Content-Type': 'application/cloudevents+json; charset=utf-8' },
      JSON.stringify({ id: 'A1', source: '/orders', data: {} }),
    );
    expect(structured).toMatchObject({ family: 'cloudevents', text: '/orders A1' });
    expect(find({ ce_id: 'A1', ce_source: '/orders' })?.family).toBe('cloudevents');
    for (const value of [null, '', 'no JSON', '[]', '{"id":1}']) {
      expect(find({ 'content-type': 'application/cloudevents+json' }, value)).toBeNull();
    }
  });

  test('of repeated headers takes the first that is not empty', () => {
    expect(find({ 'message-id': [Buffer.from(''), Buffer.from('one'), Buffer.from('two')] })?.text).toBe(
      'one',
    );
  });

  test('reads own headers alone, as kafkajs builds them', () => {
    const hostile = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Headers;
    hostile['message-id'] = [Object.prototype as never, Buffer.from('m')];
    expect(new IdentityFinder().find({ key: null, value: null, headers: hostile })?.text).toBe('m');
    expect(find({}, 'v', [{ from: 'header', name: 'toString' }])).toBeNull();
  });

  test('tells bytes that are no text as hex', () => {
    expect(find({ 'message-id': Buffer.from([0xff, 0xfe, 0x00]) })?.text).toBe('0xfffe00');
  });
});

describe('the choice of a topic', () => {
  const value = JSON.stringify({ a: { b: [{ 'c d': 'deep' }] }, n: 7, big: 0, o: {} }).replace(
    '"big":0',
    '"big":9007199254740993',
  );

  test.each<[string, string | null]>([
    ["$.a.b[0]['c d']", 'deep'],
    ['$["a"].b[0]["c d"]', 'deep'],
    ['$.n', '7'],
    ['$.big', '9007199254740993'],
    ['$.o', null],
    ['$.a.b[1]', null],
    ['$.__proto__', null],
    ['$.a.b.length', null],
  ])('JSON path %s', (path, text) => {
    expect(find({}, value, [{ from: 'json', path }])?.text ?? null).toBe(text);
  });

  test.each(['', 'a.b', '$', '$.', '$..a', '$.a[', '$.a[-1]', '$[*]', '$.a[?(@.b)]', "$['a", '$.a b', '$a'])(
    'refuses the path %j and says where',
    (path) => {
      expect(() => new IdentityFinder([{ from: 'json', path }])).toThrow(
        expect.objectContaining({
          code: 'bad-configuration',
          message: expect.stringMatching(/at character \d+/),
        }),
      );
    },
  );

  test('refuses headers that never name one message', () => {
    for (const name of ['traceparent', 'X-Correlation-Id', 'correlation_id', 'x-chunk-id']) {
      expect(() => new IdentityFinder([{ from: 'header', name }])).toThrow(/does not name one message/);
    }
  });

  test('goes by the order of the rules; key and header never meet', () => {
    const rules: IdentityChoice[] = [{ from: 'header', name: 'mine' }, { from: 'key' }];
    expect(find({ mine: 'x' }, 'v', rules)).toMatchObject({ source: 'header mine', text: 'x' });
    expect(find({}, 'v', rules)).toMatchObject({ source: 'key', text: 'k' });
    expect(find({ mine: 'k' }, 'v', rules)?.family).not.toBe(find({}, 'v', rules)?.family);
  });

  test('a fingerprint is of key, value and the headers named', () => {
    const rules: IdentityChoice[] = [{ from: 'fingerprint', headers: ['type'] }];
    const text = (headers: Record<string, unknown>, value = 'v') => find(headers, value, rules)?.text;
    expect(text({ type: 'a', other: '1' })).toBe(text({ type: 'a', other: '2' }));
    expect(new Set([text({ type: 'a' }), text({ type: 'b' }), text({}), text({ type: 'a' }, 'w')]).size).toBe(
      4,
    );
    expect(text({ type: ['ab', 'c'].map((part) => Buffer.from(part)) })).not.toBe(
      text({ type: ['a', 'bc'].map((part) => Buffer.from(part)) }),
    );
    expect(find({}, null, rules)).toBeNull();
  });
});

describe('whatever comes', () => {
  const bytes = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 200 })).map((b) => Buffer.from(b as string));
  const name = fc.oneof(
    fc.constantFrom(
      'message-id',
      'ce_id',
      'ce_source',
      'id',
      '__proto__',
      'constructor',
      'content-type',
      'EventId',
    ),
    fc.string(),
  );
  const headers = fc.dictionary(name, fc.oneof(bytes, fc.string(), fc.array(bytes), fc.constant(undefined)));

  test('nothing throws, and the same record has the same hash', () => {
    const rules: IdentityChoice[] = [
      { from: 'headers' },
      { from: 'json', path: '$.id' },
      { from: 'key' },
      { from: 'fingerprint', headers: ['__proto__'] },
    ];
    fc.assert(
      fc.property(headers, fc.option(bytes), fc.option(bytes), (given, key, value) => {
        const record = { key, value, headers: given as Headers, offset: '1', timestamp: '1' };
        const read = () =>
          new RecordReader({ topic: 't', rules, seed: new Uint8Array(16) }).read([record, record]);
        const one = read();
        expect(one.hashes.slice(0, 4)).toEqual(one.hashes.slice(4));
        expect(read()).toEqual(one);
        expect((clearTextOf(one, 0) ?? '').length).toBeLessThanOrEqual(CLEAR_TEXT_MAX);
        provenanceOf(given as Headers);
      }),
      { numRuns: 1_000 },
    );
  });

  test('normalising twice changes nothing', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .uuid()
        .chain((id) =>
          fc.constantFrom(id.toUpperCase(), `{${id}}`, `"${id}"`, `urn:uuid:${id}`, id.replaceAll('-', '')),
        ),
      fc.string().map((inner) => ` "${inner}" `),
    );
    fc.assert(
      fc.property(text, (one) => expect(normalise(normalise(one))).toBe(normalise(one))),
      { numRuns: 3_000 },
    );
    for (const spelling of [
      UUID.toUpperCase(),
      `{${UUID}}`,
      `"${UUID}"`,
      `urn:uuid:${UUID}`,
      UUID.replaceAll('-', ''),
    ])
      expect(normalise(spelling)).toBe(UUID);
  });
});

describe('hashes', () => {
  /** HalfSipHash-1-3 with 64 bits of output as its authors write it, a byte at a time. */
  function halfSip(key: [number, number], message: Buffer): [number, number] {
    const v: [number, number, number, number] = [
      key[0],
      key[1] ^ 0xee,
      0x6c796765 ^ key[0],
      0x74656462 ^ key[1],
    ];
    const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
    const round = () => {
      v[0] = (v[0] + v[1]) | 0;
      v[1] = rotate(v[1], 5) ^ v[0];
      v[0] = rotate(v[0], 16);
      v[2] = (v[2] + v[3]) | 0;
      v[3] = rotate(v[3], 8) ^ v[2];
      v[0] = (v[0] + v[3]) | 0;
      v[3] = rotate(v[3], 7) ^ v[0];
      v[2] = (v[2] + v[1]) | 0;
      v[1] = rotate(v[1], 13) ^ v[2];
      v[2] = rotate(v[2], 16);
    };
    const padded = Buffer.concat([message, Buffer.alloc(4 - (message.length % 4))]);
    padded[padded.length - 1] = message.length & 0xff;
    for (let i = 0; i < padded.length; i += 4) {
      const m = padded.readInt32LE(i);
      v[3] ^= m;
      round();
      v[0] ^= m;
    }
    v[2] ^= 0xee;
    for (let i = 0; i < 3; i++) round();
    const low = (v[1] ^ v[3]) >>> 0;
    v[1] ^= 0xdd;
    for (let i = 0; i < 3; i++) round();
    return [low, (v[1] ^ v[3]) >>> 0];
  }

  test('of identities are two lanes of HalfSipHash-1-3', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        (seed, text) => {
          const hasher = new Hasher(seed);
          hasher.identity('', text);
          const key = Buffer.from(seed);
          const lane = (at: number) =>
            halfSip([key.readInt32LE(at), key.readInt32LE(at + 4)], Buffer.from(text));
          expect([...hasher.out]).toEqual([...lane(0), ...lane(8)]);
        },
      ),
    );
  });

  test('differ by topic, family, text and store, and are spread evenly', () => {
    const hex = (seed: number, scope: string, text: string) => {
      const hasher = new Hasher(new Uint8Array(16).fill(seed));
      hasher.identity(scope, text);
      return hexOf(hasher.out, 0);
    };
    const all = [
      hex(1, scopeOf('a', 'key'), 'x'),
      hex(1, scopeOf('b', 'key'), 'x'),
      hex(1, scopeOf('a', 'kez'), 'x'),
      hex(1, scopeOf('a', 'key'), 'y'),
      hex(2, scopeOf('a', 'key'), 'x'),
    ];
    expect(new Set(all).size).toBe(5);
    const hasher = new Hasher(new Uint8Array(16).fill(3));
    const bits = new Array(128).fill(0);
    for (let i = 0; i < 4_096; i++) {
      hasher.identity(scopeOf('t', 'message-id'), String(i));
      for (let b = 0; b < 128; b++) bits[b] += ((hasher.out[b >> 5] as number) >>> (b & 31)) & 1;
    }
    // Six standard deviations of a fair coin.
    for (const ones of bits) expect(Math.abs(ones - 2_048)).toBeLessThan(192);
  });

  test('of payloads tell null, empty, key and value apart, in buffers of any length', () => {
    const hasher = new Hasher(new Uint8Array(16).fill(5));
    const b = (text: string) => Buffer.from(text);
    const all = [
      hasher.payload(null, null),
      hasher.payload(null, b('')),
      hasher.payload(b(''), null),
      hasher.payload(b(''), b('')),
      hasher.payload(b('ab'), b('c')),
      hasher.payload(b('a'), b('bc')),
      hasher.payload(b('a'), b('bd')),
    ];
    expect(new Set(all).size).toBe(all.length);
    const huge = Buffer.alloc(3_000_001, 7);
    const before = hasher.payload(b('k'), huge);
    huge[3_000_000] = 8;
    expect(hasher.payload(b('k'), huge)).not.toBe(before);
    expect(hasher.payload(b('a'), b('bc'))).toBe(all[5]);
  });
});

describe('provenance', () => {
  test.each([
    'retry_topic-attempts',
    'kafka_original-topic',
    'kafka_dlt-original-offset',
    'x-failed-attempts',
  ])('%s says that it was published again on purpose', (name) => {
    expect(provenanceOf({ other: 'x', [name]: '1' })).toBe(name);
    expect(provenanceOf({ [`not-${name}`]: '1' })).toBeNull();
  });
});
