import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** In a process of its own: it changes the timers of all. */
function timed(script: string): unknown {
  const file = join(__dirname, '../../dist/kafka/past-timers');
  const code = `require(${JSON.stringify(file)}).slowPastTimers();${script}`;
  return JSON.parse(execFileSync(process.execPath, ['--no-warnings', '-e', code], { encoding: 'utf8' }));
}

test('a timer that sets itself in the past runs now and then, and not every millisecond', () => {
  const turns = timed(`let turns = 0;
    const again = () => { turns++; timer = setTimeout(again, -5); };
    let timer = setTimeout(again, -5);
    setTimeout(() => { clearTimeout(timer); console.log(turns); }, 400)`) as number;
  expect(turns).toBeGreaterThan(2);
  expect(turns).toBeLessThanOrEqual(20);
});

test('other timers are as they were: arguments, promises, ending one', () => {
  const seen =
    timed(`require(${JSON.stringify(join(__dirname, '../../dist/kafka/past-timers'))}).slowPastTimers();
    const seen = [];
    clearTimeout(setTimeout(() => seen.push('never'), 1));
    setTimeout((...given) => seen.push(given), 1, 'a', 'b');
    require('node:util').promisify(setTimeout)(30, 'promised').then((value) => {
      seen.push(value);
      console.log(JSON.stringify(seen));
    })`);
  expect(seen).toEqual([['a', 'b'], 'promised']);
});
