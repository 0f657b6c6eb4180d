/**
 * The one catalogue of errors. Each has a stable code, the HTTP status and the exit code it maps to, and a
 * message that says what is wrong and what to do next. Every throw of Dupescope that a person can meet goes
 * through `fail()`, so that the CLI prints one line and the API answers one problem document.
 */
export const ERRORS = {
  'bad-configuration': { status: 400, exit: 2, title: 'The configuration is not valid' },
  'bad-usage': { status: 400, exit: 2, title: 'The command was called wrongly' },
  'bad-parameter': { status: 400, exit: 2, title: 'A query parameter is not valid' },
  'bad-cursor': { status: 400, exit: 2, title: 'The cursor is not valid' },
  'not-found': { status: 404, exit: 4, title: 'Nothing is known by this name' },
  unauthorized: { status: 401, exit: 5, title: 'A bearer token is needed' },
  'host-refused': { status: 403, exit: 5, title: 'The Host header is not one of this service' },
  'method-not-allowed': { status: 405, exit: 2, title: 'This path does not answer this method' },
  'bad-report': { status: 400, exit: 2, title: 'The report is not valid' },
  'watch-gap': { status: 409, exit: 2, title: 'The watched groups do not begin where they were stored' },
  'observe-gap': { status: 409, exit: 2, title: 'What was observed does not belong to this store' },
  'report-gap': { status: 409, exit: 2, title: 'Reports before this one are missing' },
  'too-many-reports': { status: 429, exit: 3, title: 'More reports come than are stored' },
  'too-many-streams': { status: 503, exit: 3, title: 'More event streams are open than are served' },
  'body-too-large': { status: 413, exit: 2, title: 'The request body is too large' },
  'store-unwritable': { status: 503, exit: 3, title: 'The store cannot be written' },
  'store-missing': { status: 503, exit: 3, title: 'The store does not exist' },
  'store-newer': { status: 503, exit: 3, title: 'The store was written by a newer Dupescope' },
  'store-corrupt': { status: 503, exit: 3, title: 'The store is damaged' },
  'store-busy': { status: 503, exit: 3, title: 'The store is busy' },
  'store-full': { status: 503, exit: 3, title: 'The disk of the store is full' },
  'kafka-unreachable': { status: 503, exit: 6, title: 'No broker could be reached' },
  'kafka-authentication': { status: 503, exit: 6, title: 'Kafka refused the credentials' },
  'token-endpoint': { status: 503, exit: 6, title: 'No token for Kafka could be got' },
  'kafka-not-permitted': { status: 503, exit: 6, title: 'Kafka does not permit what is needed' },
  'kafka-topic-missing': { status: 404, exit: 6, title: 'The topic does not exist' },
  'service-unreachable': { status: 503, exit: 6, title: 'The Dupescope service could not be reached' },
  'service-refused': { status: 502, exit: 5, title: 'The Dupescope service refuses what it is sent' },
  'journal-unwritable': { status: 503, exit: 3, title: 'The journal cannot be written' },
  'no-broker-available': { status: 503, exit: 6, title: 'No way to get a broker' },
  'not-a-kafka-client': { status: 400, exit: 2, title: 'instrument() was not given a kafkajs client' },
  'id-reuse': { status: 409, exit: 1, title: 'An identity came again with another payload' },
  'identity-missing': { status: 422, exit: 1, title: 'A message has no identity' },
  'copy-in-progress': { status: 409, exit: 3, title: 'Another copy of the message is being handled' },
  'check-unreachable': { status: 503, exit: 3, title: 'The store of the check does not answer' },
  internal: { status: 500, exit: 1, title: 'Dupescope met an error of its own' },
} as const satisfies Record<string, { status: number; exit: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

export class DupescopeError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DupescopeError';
    this.code = code;
    this.status = ERRORS[code].status;
    this.exitCode = ERRORS[code].exit;
  }
}

/** Throws the error of that code. `message` tells a person what is wrong and what to do next. */
export function fail(code: ErrorCode, message: string, cause?: unknown): never {
  throw new DupescopeError(code, message, cause === undefined ? undefined : { cause });
}

/** One line for a person, whatever was thrown. */
export function errorLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s+/g, ' ').trim() || 'unknown error';
}
