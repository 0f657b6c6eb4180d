/** Questions to the public API, and why one failed. */
import type { Problem } from '../../service/schemas';

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** What went wrong, in words, and what to do. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
  ) {
    super(detail);
    this.name = 'ApiError';
  }
}

/** `path?key=value`; undefined, null and empty values are left out. */
export function addressOf(
  path: string,
  query: Readonly<Record<string, string | number | null | undefined>> = {},
): string {
  const given = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === null || value === '' ? [] : [[key, String(value)] as [string, string]],
  );
  const text = new URLSearchParams(given).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** A part of a path that somebody else named. */
export function part(text: string): string {
  // A dot segment would be resolved away by the browser.
  return encodeURIComponent(text).replace(/^\.{1,2}$/, (dots) => '%2E'.repeat(dots.length));
}

export function headersOf(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** Throws ApiError: of the service with its own words, or `unreachable`. */
export async function ask(address: string, token: string | null, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, {
      headers: headersOf(token),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError('unreachable', 0, 'The service does not answer. This page tries again by itself.');
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

/** What the service, or what stands before it, says of an answer that is none. */
export async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { code, detail } = (await response.json()) as Partial<Problem>;
    return new ApiError(code ?? 'unknown', response.status, detail ?? 'The service gave no reason.');
  } catch {
    // Refused before the service saw it, by its HTTP parser or a proxy: there is no problem to read.
    const isTooLong = response.status === 431 || response.status === 414;
    const detail = isTooLong
      ? 'What is asked for is longer than a request may be: the service takes 128 kB, a proxy before it often less. Names that Kafka itself has fit.'
      : `The service answered ${response.status}.`;
    return new ApiError(isTooLong ? 'too-long' : 'unknown', response.status, detail);
  }
}
