/** Errors as RFC 9457 problems. Whatever is thrown becomes one; what is not ours says nothing of its insides. */
import type { ErrorRequestHandler, Request, Response } from 'express';
import type { Logger } from 'pino';
import { DupescopeError, ERRORS, errorLine } from '../errors';

export function sendProblem(request: Request, response: Response, error: DupescopeError): void {
  if (error.status === 401) response.set('WWW-Authenticate', 'Bearer realm="dupescope"');
  if (error.status === 503) response.set('Retry-After', '2');
  const problem = {
    type: `urn:dupescope:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: errorLine(error),
    code: error.code,
    instance: request.originalUrl.split('?')[0] ?? '/',
  };
  response.status(error.status).set('Content-Type', 'application/problem+json; charset=utf-8');
  response.send(JSON.stringify(problem));
}

/** The last handler of the app. Express knows it by its four parameters. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const error = problemOf(thrown);
    if (error.status >= 500) {
      logger.warn({ code: error.code, path: request.path, err: thrown }, errorLine(error));
    }
    if (response.headersSent) next(thrown);
    else sendProblem(request, response, error);
  };
}

function problemOf(thrown: unknown): DupescopeError {
  if (thrown instanceof DupescopeError) return thrown;
  // Express itself refuses a path whose percent signs it cannot decode.
  if ((thrown as { status?: unknown } | null)?.status === 400) {
    return new DupescopeError(
      'bad-parameter',
      'The path is not valid: a percent sign must be written as %25.',
    );
  }
  return new DupescopeError(
    'internal',
    'The request could not be answered. The log of the service says why.',
  );
}
