import { checkOptions } from '../../src/kafka/options';
import { shareOf, type Tracing, tracingFrom } from '../../src/telemetry';

test.each<[string, Tracing | null]>([
  ['redeliveries', 'redeliveries'],
  ['ALL', 'all'],
  ['off', 'off'],
  ['0', { ratio: 0 }],
  ['.25', { ratio: 0.25 }],
  ['1', { ratio: 1 }],
  ['1.01', null],
  ['-1', null],
  ['10%', null],
  ['everything', null],
])('DUPESCOPE_TRACING=%s', (text, tracing) => {
  expect(tracingFrom(text)).toEqual(tracing);
});

test('the share of first deliveries that have a span', () => {
  const choices: Tracing[] = ['off', 'redeliveries', 'all', { ratio: 0.1 }];
  expect(choices.map(shareOf)).toEqual([0, 0, 1, 0.1]);
});

test.each([true, 'some', { ratio: 2 }, { ratio: '1' }, { ratio: 0.1, more: 1 }, null])(
  'the option %j is refused',
  (tracing) => {
    expect(() => checkOptions({ tracing: tracing as never })).toThrow(/"tracing" must be 'off'/);
  },
);

test('redeliveries are traced unless something else is said', () => {
  expect(checkOptions({}).tracing).toBe('redeliveries');
});
