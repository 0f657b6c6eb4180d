/** The numbered migrations, in order. `PRAGMA user_version` holds how many are applied. */
import { up as ledger } from './001-ledger.sql';
import { up as causes } from './003-causes.sql';
import { up as findings } from './004-findings.sql';
import { up as identity } from './005-identity.sql';
import { up as groups } from './006-groups.sql';
import { up as hits } from './007-hits.sql';
import { up as producers } from './008-producers.sql';
import { up as allIncidents } from './009-all-incidents.sql';
import { up as findingSpans } from './010-finding-spans.sql';
import { up as minutes } from './011-minutes.sql';
import { up as evidenceViews } from './012-evidence-views.sql';
import { up as transactions } from './013-transactions.sql';
import { up as pages } from './014-pages.sql';
import { up as stallsOutside } from './016-stalls-outside.sql';

export const MIGRATIONS: readonly string[] = [
  ledger,
  causes,
  findings,
  identity,
  groups,
  hits,
  producers,
  allIncidents,
  findingSpans,
  minutes,
  evidenceViews,
  transactions,
  pages,
  stallsOutside,
];
