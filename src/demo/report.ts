/** The verdict of `--once` in words: faults, groups, and where the sides differ. */
import type { GroupComparison, RecordAnswer } from './compare';
import { type Column, range, table } from './table';
import type { FaultVerdict, Verdict } from './verdict';

/** So many wrong records are shown of each group. */
const WRONG_SHOWN = 5;

const yesNo = (yes: boolean) => (yes ? 'yes' : 'NO');

const FAULT_COLUMNS: Column<FaultVerdict>[] = [
  { title: 'group', text: ({ group }) => role(group) },
  { title: 'injected', text: ({ fault }) => fault },
  { title: 'delivered again', text: ({ truth }) => String(truth), right: true },
  { title: 'found', text: ({ found }) => range(found), right: true },
  { title: 'agree', text: ({ agrees }) => yesNo(agrees) },
  { title: 'cause named', text: ({ cause }) => cause },
  { title: 'what', text: ({ what }) => what },
];

const GROUP_COLUMNS: Column<GroupComparison>[] = [
  { title: 'group', text: ({ group }) => role(group) },
  { title: 'records', text: ({ records }) => String(records), right: true },
  { title: 'deliveries: truth', text: ({ truth }) => String(truth.deliveries), right: true },
  { title: 'ledger', text: ({ ledger }) => String(ledger.deliveries), right: true },
  { title: 'redelivered: truth', text: ({ truth }) => String(truth.redeliveries), right: true },
  { title: 'ledger', text: ({ ledger }) => range(ledger.redeliveries), right: true },
  { title: 'in flight', text: ({ inFlight }) => String(inFlight), right: true },
  { title: 'uncertain', text: ({ uncertain }) => String(uncertain), right: true },
  { title: 'wrong answers', text: (group) => String(wrongOf(group).length), right: true },
];

export function reportLines(verdict: Verdict): string[] {
  const doubt = [...verdict.faults, ...verdict.others].some(({ found: [least, most] }) => least < most);
  return [
    'Injected against found: records delivered again, by the handlers and by Dupescope',
    '',
    ...table(FAULT_COLUMNS, [...verdict.faults, ...verdict.others]),
    ...(doubt ? ['', 'N..M: up to M - N of them were in flight at a SIGKILL, so nobody can know.'] : []),
    '',
    'Every record compared, group by group',
    '',
    ...table(GROUP_COLUMNS, verdict.groups),
    ...verdict.groups.flatMap(wrongLines),
    ...verdict.faults
      .filter(({ truth }) => truth === 0)
      .map(({ group, fault }) => `${role(group)}: ${fault} delivered nothing again`),
    '',
    verdict.agrees
      ? 'They agree: 0 certain answers wrong, and every fault was found.'
      : 'They DISAGREE: see the rows with NO and the records above.',
  ];
}

/** Of the ledger and of the findings. */
function wrongOf({ wrong, wrongFindings }: GroupComparison): { answer: RecordAnswer; who: string }[] {
  return [
    ...wrong.map((answer) => ({ answer, who: 'the ledger' })),
    ...wrongFindings.map((answer) => ({ answer, who: '/v1/redeliveries' })),
  ];
}

function wrongLines(group: GroupComparison): string[] {
  const all = wrongOf(group);
  const shown = all.slice(0, WRONG_SHOWN).map(({ answer, who }) => {
    const { topic, partition, offset, truth, certain, possible } = answer;
    const place = `${topic}/${partition}/${offset}`;
    return `  ${place}: the handlers got it ${truth} times, ${who} tells ${range([certain, possible])}`;
  });
  if (shown.length === 0) return [];
  return ['', `${role(group.group)}: the first ${shown.length} of ${all.length} wrong answers`, ...shown];
}

/** `billing-1a2b3c` is shown as `billing`. */
export function role(group: string): string {
  return group.replace(/-[^-]*$/, '');
}
