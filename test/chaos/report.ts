/** The report of a run as text, and whether it holds what is promised. */
import { type Column, table } from '../../src/demo/table';
import type { ErrorCode } from '../../src/errors';
import { type PaymentsReport, paymentFailures } from './payments';
import type { Tally, Verdict } from './verdict';

export interface LaneReport extends Verdict {
  handler: 'eachMessage' | 'eachBatch';
  /** Of what Dupescope itself complained within the processes, by its codes. */
  complaints: Map<string, number>;
  /** The first of each code, in its words. */
  said: Map<string, string>;
  /** Of a lane whose messages are payments. */
  payments: PaymentsReport | null;
  kills: number;
  /** Of them, kafkajs consumers that did nothing any more. */
  hung: number;
  episodes: Map<string, number>;
}

export interface ChaosReport {
  seed: number;
  seconds: number;
  lanes: LaneReport[];
  serviceKills: number;
  brokerKills: number;
  /** Detail that the stores say was dropped for want of room. */
  dropped: { events: number; deliveries: number };
  /** What went wrong with the run itself: a process lost, a wait in vain. */
  problems: string[];
}

const NAMED_LEAST = 0.98;
/** For handlers of 100 us and more, a kill and partition. */
const UNCERTAIN_MOST = 1;
/** eachMessage has one record of a partition in hand. Of eachBatch it is the unresolved rest of the batch. */
const IN_FLIGHT_MOST = 1;
/** What the faults may make of Dupescope; anything else is its own mistake. */
const COMPLAINTS: readonly ErrorCode[] = ['service-unreachable', 'store-busy', 'kafka-unreachable'];
/** Where the disk is full. */
const DISK_COMPLAINTS: readonly ErrorCode[] = ['store-full', 'journal-unwritable'];

/** What does not hold; empty when all does. */
export function failuresOf(report: ChaosReport): string[] {
  const { lanes } = report;
  const failures = report.problems.map((problem) => `problem: ${problem}`);
  for (const lane of lanes) {
    for (const missed of lane.missed) failures.push(`${lane.name} missed ${missed}`);
    for (const invented of lane.invented) failures.push(`${lane.name} invented ${invented}`);
    if (lane.uncertainMost > UNCERTAIN_MOST) {
      failures.push(`${lane.name}: ${lane.uncertainMost} records of one kill and partition are uncertain`);
    }
    if (lane.handler === 'eachMessage' && lane.inFlightMost > IN_FLIGHT_MOST) {
      failures.push(`${lane.name}: ${lane.inFlightMost} records of one kill and partition are in flight`);
    }
    if (lane.unjudged > 0) failures.push(`${lane.name}: ${lane.unjudged} findings have no copy in the truth`);
    if (lane.skippedWrong > 0) {
      failures.push(`${lane.name}: ${lane.skippedWrong} records are called skipped and were delivered`);
    }
    for (const record of lane.skippedMissed) failures.push(`${lane.name} missed the skip of ${record}`);
    if (lane.premature > 0) {
      failures.push(`${lane.name}: ${lane.premature} records are called committed before they were handled`);
    }
    failures.push(...complaintsOf(lane));
    if (lane.payments !== null) {
      failures.push(...paymentFailures(lane.payments).map((failure) => `${lane.name}: ${failure}`));
    }
    if (lane.provenWrong.records > 0) {
      failures.push(`${lane.name}: ${lane.provenWrong.records} causes are called proven and are wrong`);
    }
    if (lane.wrong.records > 0) failures.push(`${lane.name}: ${lane.wrong.records} causes are wrong`);
  }
  for (const unit of ['records', 'findings'] as const) {
    const named = share(lanes, unit);
    if (named < NAMED_LEAST) failures.push(`only ${percent(named)} of the ${unit} have their cause named`);
  }
  return failures;
}

function complaintsOf({ name, complaints, said, episodes }: LaneReport): string[] {
  const isFull = episodes.has('disk full');
  const known: readonly string[] = isFull ? [...COMPLAINTS, ...DISK_COMPLAINTS] : COMPLAINTS;
  const failures = [...complaints]
    .filter(([code]) => !known.includes(code))
    .map(([code, n]) => `${name}: ${n} times ${said.get(code) ?? code}`);
  const isFelt = DISK_COMPLAINTS.some((code) => complaints.has(code));
  if (isFull && !isFelt) failures.push(`${name}: the disk was full and nothing was told of it`);
  return failures;
}

function share(lanes: readonly LaneReport[], unit: keyof Tally): number {
  const of = (kind: 'right' | 'unknown' | 'wrong') => lanes.reduce((sum, lane) => sum + lane[kind][unit], 0);
  const all = of('right') + of('unknown') + of('wrong');
  return all === 0 ? 1 : of('right') / all;
}

const percent = (part: number) => `${(part * 100).toFixed(2)}%`;

export function reportLines(report: ChaosReport): string[] {
  const { lanes } = report;
  const sum = (of: (lane: LaneReport) => number) => lanes.reduce((total, lane) => total + of(lane), 0);
  const columns: Column<LaneReport>[] = [
    { title: 'lane', text: ({ name }) => name },
    ...(
      [
        ['episodes', (lane) => [...lane.episodes.values()].reduce((a, b) => a + b, 0)],
        ['kills', (lane) => lane.kills],
        ['hung', (lane) => lane.hung],
        ['deliveries', (lane) => lane.deliveries],
        ['redelivered', (lane) => lane.redeliveries],
        ['missed', (lane) => lane.missed.length],
        ['invented', (lane) => lane.invented.length],
        ['in flight', (lane) => lane.inFlight],
        ['uncertain', (lane) => lane.uncertain],
        ['most a kill', (lane) => lane.uncertainMost],
        ['skipped', (lane) => lane.skipped],
        ['cause right', (lane) => lane.right.records],
        ['unknown', (lane) => lane.unknown.records],
        ['wrong', (lane) => lane.wrong.records],
      ] satisfies [string, (lane: LaneReport) => number][]
    ).map(([title, of]) => ({ title, text: (lane: LaneReport) => String(of(lane)), right: true })),
  ];
  return [
    `seed ${report.seed}, ${Math.round(report.seconds)} s, ${sum(({ kills }) => kills)} kills of consumers, ${report.serviceKills} of the service, ${report.brokerKills} of a broker`,
    '',
    ...table(columns, lanes),
    '',
    'Causes: what the truth makes right, what the ledger says, in records (and findings)',
    ...causeLines(lanes),
    '',
    `deliveries ${sum((lane) => lane.deliveries)}, redeliveries ${sum((lane) => lane.redeliveries)}, missed ${sum((lane) => lane.missed.length)}, invented ${sum((lane) => lane.invented.length)}, uncertain ${sum((lane) => lane.uncertain)}`,
    `cause named right: ${percent(share(lanes, 'records'))} of records, ${percent(share(lanes, 'findings'))} of findings; proven and wrong: ${sum((lane) => lane.provenWrong.records)}`,
    '',
    `dropped for want of room: ${report.dropped.events} events, ${report.dropped.deliveries} deliveries`,
    ...complaintLines(lanes),
    ...lanes.flatMap(paymentLines),
    '',
    'Faults injected',
    ...episodeLines(lanes),
    ...lanes.flatMap(({ name, samples }) => samples.map((sample) => `? ${name}: ${sample}`)),
  ];
}

interface CauseRow extends Tally {
  right: string;
  said: string;
}

function causeLines(lanes: readonly LaneReport[]): string[] {
  const rows = new Map<string, CauseRow>();
  for (const { causes } of lanes) {
    for (const [right, by] of causes) {
      for (const [said, { records, findings }] of by) {
        const row = rows.get(`${right}/${said}`) ?? { right, said, records: 0, findings: 0 };
        row.records += records;
        row.findings += findings;
        rows.set(`${right}/${said}`, row);
      }
    }
  }
  const sorted = [...rows.values()].sort((a, b) => a.right.localeCompare(b.right) || b.records - a.records);
  return table<CauseRow>(
    [
      { title: 'right', text: ({ right }) => right },
      { title: 'ledger', text: ({ said }) => said },
      { title: 'records', text: ({ records }) => String(records), right: true },
      { title: 'findings', text: ({ findings }) => String(findings), right: true },
    ],
    sorted,
  );
}

function complaintLines(lanes: readonly LaneReport[]): string[] {
  return lanes
    .filter(({ complaints }) => complaints.size > 0)
    .map(
      ({ name, complaints }) =>
        `${name} was told: ${[...complaints].map(([code, n]) => `${code} ${n}`).join(', ')}`,
    );
}

function paymentLines({ name, kills, payments }: LaneReport): string[] {
  if (payments === null) return [];
  const { store, sent, copies, rewritten, unpaid, paidAgain, inProgress, difference, account } = payments;
  const { redeliveries, duplicates, hits, again, perhaps, failed } = account;
  return [
    '',
    `${name} (${store}): ${kills} kills; ${sent} payments, ${copies} sent again, ${rewritten} written twice by the producer; ${unpaid} never made, ${paidAgain} made again (${inProgress} were in progress), accounts off by ${difference}`,
    `  ${redeliveries} redeliveries + ${duplicates} duplicates = ${hits} hits + ${again} applied again (perhaps ${perhaps} more) + ${failed} failed`,
  ];
}

function episodeLines(lanes: readonly LaneReport[]): string[] {
  return lanes.map(
    ({ name, episodes }) => `${name}: ${[...episodes].map(([fault, n]) => `${fault} ${n}`).join(', ')}`,
  );
}
