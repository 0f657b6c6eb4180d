/** One life in a process of its own, for those that end by SIGKILL. argv[2]: JSON of an ApartTask. */
import { appendFileSync } from 'node:fs';
import { type ApartTask, live } from './lives';

const { place, run, last, killAt, file } = JSON.parse(process.argv[2] as string) as ApartTask;
const handle = async ({ offset }: { offset: number }) => {
  if (offset === killAt) process.kill(process.pid, 'SIGKILL');
};

live(place, { ...run, handle }, last, (line) => appendFileSync(file, `${line}\n`)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
