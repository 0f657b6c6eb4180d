/** Findings of the store as their spans tell them: what each kind is about, and where its records' deliveries lie. */
import type { DuplicateRow, PrematureRow, RedeliveryRow, RewindRow, SkipRow } from '../store/queries';
import type { CopyPlace, SettledFinding } from '../store/settled';
import type { Finding, FindingLink } from '../telemetry/finding-spans';

/** Records of a stretch that are linked to. */
const RECORDS_MAX = 32;

export function shapeOf(finding: SettledFinding): Finding {
  switch (finding.kind) {
    case 'redelivery':
      return redelivery(finding.row);
    case 'rewind':
      return rewind(finding.row);
    case 'premature_commit':
      return premature(finding.row);
    case 'skip':
      return skip(finding.row);
    default:
      return copies(finding);
  }
}

/** Linked to the spans of both attempts. */
function redelivery(row: RedeliveryRow): Finding {
  const { attempt, session, previousSession, cause, certainty, advice } = row;
  const because = textsIn(row.because);
  return {
    ...row,
    kind: 'redelivery',
    key: session,
    records: row.last - row.first + 1,
    because,
    about: stretch(row.first, row.last).flatMap((offset) => [
      { offset, delivery: { session, attempt } },
      { offset, delivery: { session: previousSession, attempt: attempt - 1 } },
    ]),
    attributes: {
      'dupescope.delivery.attempt': attempt,
      'dupescope.redelivery.cause': cause,
      'dupescope.redelivery.certainty': certainty,
      'dupescope.redelivery.because': because,
      'dupescope.redelivery.gap_seconds': Math.max(0, row.at - row.previousAt) / 1_000,
      'dupescope.redelivery.previous_session': previousSession,
      ...(advice === null ? {} : { 'dupescope.redelivery.advice': advice }),
    },
  };
}

/** Linked to the traces in which copies and originals are delivered, of whatever groups. */
function copies({
  kind,
  row,
  copies: records,
  last,
  places,
}: {
  kind: string;
  row: DuplicateRow;
  copies: number;
  last: number;
  places: CopyPlace[];
}): Finding {
  return {
    ...row,
    kind,
    key: kind,
    group: null,
    first: row.offset,
    last,
    records,
    because: textsIn(row.because),
    about: places.flatMap(({ partition, offset, previousPartition, previousOffset }): FindingLink[] => [
      { partition, offset, attributes: { 'dupescope.link': 'copy' } },
      {
        partition: previousPartition,
        offset: previousOffset,
        attributes: { 'dupescope.link': 'previous_copy' },
      },
    ]),
    attributes: {
      'dupescope.duplicate.previous_partition': row.previousPartition,
      'dupescope.duplicate.previous_offset': row.previousOffset,
      'dupescope.duplicate.delay_seconds': row.delayMs / 1_000,
      'dupescope.duplicate.copies': row.copies,
    },
  };
}

/** Of what lies between both offsets: what the group is given again. */
function rewind(row: RewindRow): Finding {
  // Below 0: the name of an end of the log, which kafkajs commits.
  const first = Math.max(0, row.to);
  const last = Math.max(first, row.from - 1);
  return {
    ...row,
    kind: 'rewind',
    key: `rewind ${row.id}`,
    first,
    last,
    records: Math.max(1, row.from - first),
    because: textsIn(row.because),
    about: stretch(first, last).map((offset) => ({ offset })),
    attributes: {
      'dupescope.rewind.from_offset': row.from,
      'dupescope.rewind.to_offset': row.to,
      ...(row.session === null ? {} : { 'dupescope.session.id': row.session }),
    },
  };
}

function premature(row: PrematureRow): Finding {
  return {
    ...row,
    kind: 'premature_commit',
    key: `premature_commit ${row.session} ${row.at}`,
    records: row.last - row.first + 1,
    cause: 'committed_before_handled',
    certainty: 'proven',
    because: [],
    advice: null,
    about: stretch(row.first, row.last).map((offset) => ({ offset })),
    attributes: { 'dupescope.delivery.outcome': row.outcome, 'dupescope.session.id': row.session },
  };
}

/** The group had no delivery of these; those of other groups lie in their traces. */
function skip(row: SkipRow): Finding {
  return {
    ...row,
    kind: 'skip',
    key: 'skip',
    records: row.last - row.first + 1,
    because: textsIn(row.because),
    about: stretch(row.first, row.last).map((offset) => ({ offset })),
    attributes: {},
  };
}

function stretch(first: number, last: number): number[] {
  return Array.from({ length: Math.min(RECORDS_MAX, last - first + 1) }, (_, i) => first + i);
}

function textsIn(because: string): string[] {
  return JSON.parse(because) as string[];
}
