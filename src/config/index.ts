/**
 * The configuration of the service and the command line: one schema (`schema.ts`), read from three sources of
 * rising precedence (`sources.ts`): a YAML file, the environment (`DUPESCOPE_*`), flags. `settings.ts` is the
 * table that gives every key its variable and its flag.
 */
export { loadConfig } from './load';
export { nearest, suggestion } from './nearest';
export type {
  ClusterConfig,
  Config,
  EndpointLogin,
  LogLevel,
  OauthLogin,
  SaslConfig,
  SslConfig,
} from './schema';
export { SETTINGS, type Setting } from './settings';
export type { FlagValues } from './sources';
