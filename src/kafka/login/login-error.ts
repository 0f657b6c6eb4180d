import { DupescopeError } from '../../errors';

/**
 * kafkajs tries again what does not say that this is of no use, and keeps of a thrown error its cause where it has
 * one: hence the flag, and no cause.
 */
export function loginError(code: 'kafka-authentication' | 'token-endpoint', message: string): DupescopeError {
  return Object.assign(new DupescopeError(code, message), { retriable: false });
}
