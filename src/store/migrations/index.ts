/** The numbered migrations, in order. `PRAGMA user_version` holds the number of the last one applied. */
import { up as ledger } from './001-ledger.sql';
import { up as causes } from './003-causes.sql';
import { up as identity } from './005-identity.sql';
import { up as hits } from './007-hits.sql';
import { up as producers } from './008-producers.sql';

export const MIGRATIONS: readonly string[] = [ledger, causes, identity, hits, producers];
