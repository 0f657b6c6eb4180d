/** When a token is asked for again; the endpoint is real, this machine's clock is moved. */
import { TokenSource } from '../../src/kafka/login/token-source';
import { startTokenServer, type TokenServer } from '../support/token-server';

let issuer: TokenServer;
let clock: jest.SpyInstance | null = null;

beforeAll(async () => {
  issuer = await startTokenServer(new Map([['watcher', 'secret']]));
});
afterAll(() => issuer.close());
afterEach(() => clock?.mockRestore());

function sourceOf(): TokenSource {
  return new TokenSource({
    mechanism: 'oauthbearer',
    tokenUrl: issuer.tokenUrl,
    clientId: 'watcher',
    clientSecret: 'secret',
    extensions: {},
  });
}

function later(seconds: number): void {
  const at = Date.now() + seconds * 1_000;
  clock = jest.spyOn(Date, 'now').mockReturnValue(at);
}

test('all who wait share one request; a token serves four fifths of its life', async () => {
  const source = sourceOf();
  const [first, ...others] = await Promise.all([source.token(), source.token(), source.token()]);
  expect(others).toEqual([first, first]);
  expect(issuer.requests).toHaveLength(1);
  later(2_800);
  expect(await source.token()).toBe(first);
  later(100);
  expect(await source.token()).not.toBe(first);
  expect(issuer.requests).toHaveLength(2);
});

test('while the endpoint is away, a token serves to its end, and no longer', async () => {
  const source = sourceOf();
  const first = await source.token();
  issuer.instead = { status: 503, body: '' };
  later(3_000);
  expect(await source.token()).toBe(first);
  later(595);
  await expect(source.token()).rejects.toMatchObject({ code: 'token-endpoint', exitCode: 6 });
  issuer.instead = null;
  expect(await source.token()).not.toBe(first);
});

test('one that Kafka refused is not offered again', async () => {
  const source = sourceOf();
  const first = await source.token();
  source.refused();
  expect(await source.token()).not.toBe(first);
});
