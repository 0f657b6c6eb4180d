/** Faults between the consumers and their broker, and of the broker itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { API } from '../../src/demo/broker';
import type { Random } from '../../src/demo/random';
import { monotonic } from './child';
import type { Fault } from './faults';
import type { Fragile, Stage } from './stage';

const FEED = 80;

/** Feeds, does it in the middle, lets it last, and heals; one lane at a time, and every lane of that broker is told. */
function disturbance(
  name: string,
  longestMs: number,
  begin: (fragile: Fragile, random: Random) => Promise<void> | void,
): Fault {
  return {
    name,
    inject: (lane, random, stage: Stage) =>
      stage.fragile.alone(async () => {
        await lane.settle();
        const inTheMiddle = random.pick(lane.owners()).progress(random.between(1, FEED));
        await lane.feed(FEED);
        await lane.settle(inTheMiddle);
        const at = monotonic();
        const ms = random.between(Math.min(500, longestMs), longestMs);
        try {
          await begin(stage.fragile, random);
          await sleep(ms);
        } finally {
          stage.fragile.proxy.heal();
        }
        // Members find out in their own time: until the lane is at rest, the disturbance lasts for the truth, too.
        await lane.settle();
        for (const acts of stage.fragile.acts) acts.write({ act: 'network', at, until: monotonic() });
        return `for ${ms} ms`;
      }),
  };
}

/** A fault of another kind, on a lane whose broker may be killed: while it lasts, nobody else disturbs that broker. */
export function undisturbed({ name, inject }: Fault): Fault {
  return {
    name,
    inject: (lane, random, stage) =>
      stage.fragile.alone(async () => {
        const words = await inject(lane, random, stage);
        await lane.settle();
        return words;
      }),
  };
}

export const connectionsCut = disturbance('connections cut', 0, ({ proxy }) => {
  proxy.cut();
});

export const connectionsRefused = disturbance('connections cut and refused', 4_000, ({ proxy }) => {
  proxy.refuse(true);
  proxy.cut();
});

export const answersDelayed = disturbance('answers delayed', 4_000, ({ proxy }, random) =>
  proxy.delayAnswers(random.between(200, 1_500)),
);

export const answersDropped = disturbance('answers dropped', 3_500, ({ proxy }) => proxy.dropAnswers(true));

export const commitAnswersDropped = disturbance('OffsetCommit answers dropped', 4_000, ({ proxy }) =>
  proxy.dropAnswers(({ apiKey }) => apiKey === API.OffsetCommit),
);

export const commitAnswersDelayed = disturbance('OffsetCommit answers delayed', 4_000, ({ proxy }) =>
  proxy.delayAnswers(1_200, ({ apiKey }) => apiKey === API.OffsetCommit),
);

export const brokerKilled = disturbance('broker killed with SIGKILL', 0, async ({ broker }) => {
  await broker.kill();
  await broker.restart();
});
