/** The numbered migrations, in order. `PRAGMA user_version` holds how many are applied. */
import { up as ledger } from './001-ledger.sql';
import { up as causes } from './003-causes.sql';
import { up as findings } from './004-findings.sql';
import { up as identity } from './005-identity.sql';
import { up as groups } from './006-groups.sql';
import { up as allIncidents } from './009-all-incidents.sql';

export const MIGRATIONS: readonly string[] = [ledger, causes, findings, identity, groups, allIncidents];
