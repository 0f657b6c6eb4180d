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
import { up as countedAgain } from './015-counted-again.sql';
import { up as lossTimes } from './016-loss-times.sql';
import { up as findingMarks } from './017-finding-marks.sql';
import { up as firstSeen } from './018-first-seen.sql';
import { up as sequences } from './019-sequences.sql';
import { up as deliveredDuplicates } from './020-delivered-duplicates.sql';
import { up as stallsOutside } from './021-stalls-outside.sql';
import { up as firstCommitting } from './022-first-committing.sql';
import { up as stallsByEnd } from './023-stalls-by-end.sql';
import { up as hoursByGroup } from './024-hours-by-group.sql';

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
  countedAgain,
  lossTimes,
  findingMarks,
  firstSeen,
  sequences,
  deliveredDuplicates,
  stallsOutside,
  firstCommitting,
  stallsByEnd,
  hoursByGroup,
];
