import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, type InstrumentOptions } from '../../src/kafka/options';
import { testFolder } from '../support/folder';

const folder = testFolder('options');
const service = 'http://dupescope:7475';

test('the defaults of a service', () => {
  expect(checkOptions({}).service).toBeNull();
  expect(checkOptions({ service }).service).toEqual({
    url: 'http://dupescope:7475/',
    token: null,
    tokenFile: null,
    caFile: null,
    journal: './dupescope.journal',
    reportEveryMs: 1_000,
  });
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'a-token-in-a-file\n');
  const given = { service: 'https://example.com/dupescope', tokenFile, journal: '/j', reportEveryMs: 200 };
  expect(checkOptions(given).service).toMatchObject({ url: 'https://example.com/dupescope', tokenFile });
});

test.each<[InstrumentOptions, RegExp]>([
  [{ service, store: './x.db' }, /"store" or "service", not both/],
  [{ service, token: 'one', tokenFile: 'two' }, /"token" or "tokenFile", not both/],
  [{ service, token: 'two words' }, /visible ASCII/],
  [{ service, tokenFile: '/no/such/file' }, /"tokenFile" cannot be read: .*ENOENT/],
  [{ service, caFile: '/no/such/file' }, /"caFile" cannot be read: .*ENOENT/],
  [{ service, caFile: __filename }, /"caFile" .* holds no certificate/],
  [{ caFile: './ca.pem' }, /"caFile" is of use with "service" alone/],
  [{ service: 'dupescope:7475' }, /an address as http:/],
  [{ service: 'ftp://dupescope' }, /an address as http:/],
  [{ service: 'http://me:secret@dupescope' }, /an address as http:/],
  [{ service: '' }, /"service" must be the address/],
  [{ token: 'alone' }, /"token" is of use with "service" alone/],
  [{ journal: './j', store: './x.db' }, /"journal" is of use with "service" alone/],
  [{ service, reportEveryMs: 1 }, /"reportEveryMs" must be a number from 50/],
])('%j is refused', (options, message) => {
  let thrown: unknown;
  try {
    checkOptions(options);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'bad-configuration', message: expect.stringMatching(message) });
  expect((thrown as Error).message).not.toContain('secret');
});
