/** What the service answers over HTTP: the demo looks at Dupescope as anybody would. */
import { fail } from '../errors';
import type { Group, Page, RecordHistory, Redelivery } from '../service/schemas';

const PAGE = 1_000;
const ANSWER_LIMIT_MS = 10_000;

export class Answers {
  /** @param url of the service, without a slash at its end */
  constructor(readonly url: string) {}

  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })).ok;
    } catch {
      return false;
    }
  }

  groups(): Promise<Group[]> {
    return this.pages<Group>('/v1/groups', {});
  }

  /** @param since unix ms */
  redeliveries(since: number): Promise<Redelivery[]> {
    return this.pages<Redelivery>('/v1/redeliveries', { since: new Date(since).toISOString() });
  }

  record(topic: string, partition: number, offset: number): Promise<RecordHistory> {
    return this.get<RecordHistory>(`/v1/records/${topic}/${partition}/${offset}`, {});
  }

  private async pages<Item>(path: string, query: Record<string, string>): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | null = null;
    do {
      const from: Record<string, string> = cursor === null ? {} : { cursor };
      const page: Page<Item> = await this.get(path, { ...query, limit: String(PAGE), ...from });
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return items;
  }

  private async get<Body>(path: string, query: Record<string, string>): Promise<Body> {
    const address = `${this.url}${path}?${new URLSearchParams(query)}`;
    const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }).catch(
      (error: Error) =>
        fail('service-unreachable', `The service of the demo does not answer at ${address}.`, error),
    );
    if (!response.ok) fail('internal', `The service answered ${response.status} to ${address}.`);
    return (await response.json()) as Body;
  }
}
