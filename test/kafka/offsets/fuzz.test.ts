import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The whole is `npm run bench:fuzz-offsets` with 10M inputs; here a stretch of it, another one each day. */
const INPUTS = 150_000;

test('mutated records crash nothing, hang nothing, and name no wrong group', () => {
  const seed = Math.floor(Date.now() / 86_400_000);
  const script = join(__dirname, '../../../bench/fuzz-offsets.js');
  const args = [script, '--inputs', String(INPUTS), '--seed', String(seed), '--json'];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    ...{ encoding: 'utf8', timeout: 200_000 },
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ inputs: INPUTS, differing: 0, wrongGroups: 0 });
  // Both kinds of inputs were there.
  expect(result.read).toBeGreaterThan(INPUTS / 10);
  expect(result.unreadable).toBeGreaterThan(INPUTS / 10);
  // It takes 3 s alone.
}, 240_000);
