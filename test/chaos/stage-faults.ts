/** Faults of what Dupescope itself stands on: its service, and the disk of its store. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults';
import { sigkill } from './faults';

export const serviceKilled: Fault = {
  name: 'service killed',
  async inject(lane, random, stage) {
    await lane.feed(60);
    const ms = random.between(200, 3_000);
    await stage.service.outage(ms);
    return `away for ${ms} ms`;
  },
};

export const serviceAndConsumerKilled: Fault = {
  name: 'service and consumer killed',
  async inject(lane, random, stage) {
    const ms = random.between(500, 3_000);
    const [words] = await Promise.all([sigkill.inject(lane, random, stage), stage.service.outage(ms)]);
    return `${words}; the service away for ${ms} ms`;
  },
};

export const diskFull: Fault = {
  name: 'disk full',
  async inject(lane, random, stage) {
    await lane.feed(40);
    const ms = random.between(500, 2_500);
    stage.disk?.fill();
    try {
      await sleep(ms);
      const victim = random.pick(lane.owners());
      const inTheMiddle = victim.progress(random.between(5, 60));
      await lane.feed(80);
      await lane.settle(inTheMiddle);
      // Evidence of a killed process waits in its journal until there is room.
      if (random.next() < 0.7) await lane.kill(victim);
    } finally {
      stage.disk?.makeRoom();
    }
    await lane.fill();
    return `for ${ms} ms`;
  },
};
