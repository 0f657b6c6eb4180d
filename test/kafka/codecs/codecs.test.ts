import { inflate } from '../../../src/kafka/codecs';
import { runJava } from '../topics/java-writer';

jest.setTimeout(180_000);

interface Sample {
  codec: number;
  input: Buffer;
  output: Buffer;
}
let samples: Sample[];

beforeAll(async () => {
  const printed = await runJava('Compress.java', ['20261124']);
  samples = printed
    .trim()
    .split('\n')
    .map((line) => {
      const [codec, input = '', output = ''] = line.split(' ');
      return {
        codec: Number(codec),
        input: Buffer.from(input, 'base64'),
        output: Buffer.from(output, 'base64'),
      };
    });
});

test("what Kafka's own codecs made comes out as it went in", () => {
  // Snappy twice: in xerial's framing, and bare.
  expect(samples).toHaveLength(300);
  for (const { codec, input, output } of samples) {
    expect([codec, inflate(codec, output).equals(input)]).toEqual([codec, true]);
  }
});

test('no more than the bound comes out', () => {
  for (const { codec, input, output } of samples.filter((one) => one.input.length > 2_000)) {
    expect(() => inflate(codec, output, input.length - 1_000)).toThrow();
  }
});

test('damaged bytes end in an error or in other bytes, soon, and never in more than the bound', () => {
  let state = 20261124;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const small = samples.filter(({ output }) => output.length > 0 && output.length < 20_000);
  let refused = 0;
  const startedAt = performance.now();
  for (let i = 0; i < 5_000; i++) {
    const { codec, output } = small[random(small.length)] as Sample;
    let bytes = Buffer.from(output);
    for (let k = random(4); k >= 0; k--) bytes[random(bytes.length)] = random(256);
    if (random(3) === 0) bytes = bytes.subarray(0, random(bytes.length));
    let length = 0;
    try {
      length = inflate(codec, bytes, 1024 ** 2).length;
    } catch {
      refused++;
    }
    expect(length).toBeLessThanOrEqual(1024 ** 2);
  }
  expect(refused).toBeGreaterThan(1_000);
  // 5,000 of at most 1 MiB each: none of them hangs.
  expect(performance.now() - startedAt).toBeLessThan(60_000);
});
