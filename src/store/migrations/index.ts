/** The numbered migrations, in order. `PRAGMA user_version` holds the number of the last one applied. */
import { up as ledger } from './001-ledger.sql';
import { up as causes } from './003-causes.sql';
import { up as findings } from './004-findings.sql';
import { up as findingSpans } from './008-finding-spans.sql';

export const MIGRATIONS: readonly string[] = [ledger, causes, findings, findingSpans];
