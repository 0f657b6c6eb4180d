import fc from 'fast-check';
import { toOffset } from '../../src/kafka/offset';

test.each(['0', '7', '42', '999999999999999', '1000000000000000', '9007199254740993', '9223372036854775807'])(
  '%s is read as Number reads it',
  (text) => {
    expect(toOffset(text)).toBe(Number(text));
  },
);

test.each(['-1', '-2', '', ' 12', '1e3', '1.5', 'x', '12x'])('%j too', (text) => {
  expect(toOffset(text)).toBe(Number(text));
});

test('any safe offset', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (offset) => {
      expect(toOffset(String(offset))).toBe(offset);
    }),
  );
});
