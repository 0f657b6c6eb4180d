/** Who logs in at Kafka and how: what kafkajs is given, and what a person is told of it. */
import type { SASLOptions } from 'kafkajs';
import type { SaslConfig } from '../../config';
import { bearerLogin } from './bearer';
import { claimsOf } from './token';
import { tokenSourceOf } from './token-source';

export function saslOptions(sasl: SaslConfig): SASLOptions {
  // kafkajs's type knows no way of one's own beside its names.
  return (sasl.mechanism === 'oauthbearer' ? bearerLogin(sasl) : { ...sasl }) as SASLOptions;
}

/** Kafka's name of who asks: a token's subject once there was one. */
export function principalOf({ sasl }: { sasl: SaslConfig | null }): string {
  return sasl === null ? 'User:ANONYMOUS' : `User:${userOf(sasl)}`;
}

export function userOf(sasl: SaslConfig): string {
  if (sasl.mechanism !== 'oauthbearer') return sasl.username;
  const { last } = tokenSourceOf(sasl);
  const subject = last === null ? null : claimsOf(last).subject;
  return subject ?? ('tokenFile' in sasl ? 'the subject of the token' : sasl.clientId);
}

/** What to look at when Kafka refuses the login. */
export function loginHint(sasl: SaslConfig | null): string {
  if (sasl === null) return 'Check sasl.mechanism: the brokers want a login';
  if (sasl.mechanism === 'oauthbearer') return 'Check sasl.mechanism, and what the brokers expect of a token';
  return 'Check sasl.username, sasl.mechanism and DUPESCOPE_SASL_PASSWORD';
}
