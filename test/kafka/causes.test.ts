import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { testKafka, until } from '../support/broker';
import { Case } from '../support/case';
import { query } from '../support/ledger';

describe('the cause of a redelivery', () => {
  test('handler_error: the handler threw', async () => {
    const one = await Case.of(20);
    let thrown = false;
    const consumer = await one.start({
      eachMessage: async ({ message }) => {
        one.seen.push(message.offset);
        if (thrown || message.offset !== '7') return;
        thrown = true;
        throw new Error('no such account');
      },
    });
    await one.until(21);
    await one.stop(consumer);
    expect(one.causes()).toEqual(['handler_error proven']);
    expect(one.explained()[0]?.because).toMatch(/threw at offset 7 \(Error: no such account\).*same member/);
  });

  test('seek: the application went back', async () => {
    const one = await Case.of(20);
    const consumer = await one.start(one.noting());
    await one.until(20);
    consumer.seek({ topic: one.topic, partition: 0, offset: '5' });
    await one.until(35);
    await one.stop(consumer);
    expect(one.causes()).toEqual(['seek proven']);
  });

  test('left_unresolved: eachBatch returned early', async () => {
    const one = await Case.of(20);
    let calls = 0;
    const consumer = await one.start({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        calls++;
        one.seen.push(...batch.messages.map((message) => message.offset));
        for (const message of batch.messages.slice(0, calls === 1 ? 4 : undefined))
          resolveOffset(message.offset);
      },
    });
    await one.until(36);
    await one.stop(consumer);
    expect(one.causes()).toEqual(['left_unresolved proven']);
  });

  test('killed_before_commit: the process was killed', async () => {
    const one = await Case.of(400);
    const victim = await one.child(5);
    await until('it is in the middle', () => victim.seen() > 60);
    const exited = once(victim.process, 'exit');
    victim.process.kill('SIGKILL');
    await exited;
    const consumer = await one.start(one.noting());
    await one.until(400);
    await one.stop(consumer);
    // The record that it had in hand is not known to have reached the handler.
    for (const { cause, certainty, doubt } of one.explained()) {
      expect([cause, certainty]).toEqual(['killed_before_commit', doubt === 0 ? 'proven' : 'probable']);
    }
    expect(one.causes()).toContain('killed_before_commit proven');
    expect(one.explained()[0]?.because).toMatch(
      /was killed .* before","(the group had no committed offset|\d+ was committed); offsets \d+ to \d+ had been/,
    );
    expect(one.explained()[0]?.advice).toMatch(
      /autoCommit(Interval|Threshold): \d+ keeps what a stop repeats below 100/,
    );
  });

  test('session_timeout: a handler slower than the session time-out', async () => {
    const one = await Case.of(3);
    let slow = true;
    const consumer = await one.start({
      eachMessage: async ({ message }) => {
        one.seen.push(message.offset);
        if (message.offset !== '1' || !slow) return;
        slow = false;
        await sleep(3_500);
      },
    });
    await one.until(4);
    await until(
      'all are committed',
      () => query<{ n: number }>(one.store, 'SELECT max(committed) AS n FROM position')[0]?.n === 3,
    );
    await one.stop(consumer);
    const [row] = one.explained();
    expect(one.causes()).toEqual(['session_timeout proven']);
    expect(row?.because).toMatch(
      /no rebalance announced.*it handled 2 records in \d\.\d s and had not reached the group for 3\.\d s; the session time-out is 2\.0 s/,
    );
    expect(row?.advice).toMatch(/Raise sessionTimeout above 6\.0 s/);
  });

  test('rebalance_before_commit: stopped without committing', async () => {
    const one = await Case.of(30);
    const first = await one.start({ ...one.noting(), autoCommit: false });
    await one.until(30);
    await one.stop(first);
    const second = await one.start(one.noting());
    await one.until(60);
    await one.stop(second);
    expect(one.causes()).toEqual(['rebalance_before_commit proven']);
    expect(one.explained()[0]?.advice).toMatch(
      /commitOffsets (at least every|after each) .* \(this time 30\)/,
    );
  });

  test('reset: an operator set the committed offset back', async () => {
    const one = await Case.of(30);
    const first = await one.start(one.noting());
    await one.until(30);
    await one.stop(first);
    const admin = testKafka().admin();
    await admin.connect();
    await admin.setOffsets({
      groupId: one.group,
      topic: one.topic,
      partitions: [{ partition: 0, offset: '12' }],
    });
    await admin.disconnect();
    const second = await one.start(one.noting());
    await one.until(48);
    await one.stop(second);
    expect(one.causes()).toEqual(['reset proven']);
    expect(one.explained()[0]?.because).toMatch(
      /offset 30 had been acknowledged.*the committed offset was 12/,
    );
  });

  test('offsets_expired: the group was deleted', async () => {
    const one = await Case.of(30);
    const first = await one.start(one.noting());
    await one.until(30);
    await one.stop(first);
    const admin = testKafka().admin();
    await admin.connect();
    await admin.deleteGroups([one.group]);
    await admin.disconnect();
    const second = await one.start(one.noting());
    await one.until(60);
    await one.stop(second);
    expect(one.causes()).toEqual(['offsets_expired proven']);
  });

  test('out_of_range: the records at the committed offset are gone', async () => {
    const one = await Case.of(40);
    const first = await one.start({ ...one.noting(), autoCommit: false });
    await one.until(40);
    await first.commitOffsets([{ topic: one.topic, partition: 0, offset: '10' }]);
    await one.stop(first);
    const admin = testKafka().admin();
    await admin.connect();
    await admin.fetchTopicOffsets(one.topic); // kafkajs deletes only where it knows the leaders
    await admin.deleteTopicRecords({ topic: one.topic, partitions: [{ partition: 0, offset: '25' }] });
    await admin.disconnect();
    const second = await one.start(one.noting());
    await one.until(55);
    await one.stop(second);
    expect(one.causes()).toEqual(['out_of_range proven']);
  });

  test('off_by_one: the handled offset was committed instead of the next', async () => {
    const one = await Case.of(10);
    const first = await one.start({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        one.seen.push(message.offset);
        await first.commitOffsets([{ topic, partition, offset: message.offset }]);
      },
    });
    await one.until(10);
    await one.stop(first);
    const second = await one.start(one.noting());
    await one.until(11);
    await one.stop(second);
    expect(one.causes()).toEqual(['off_by_one probable']);
  });

  test('zombie: thrown out while it handled one partition, a member delivers what it had fetched of another', async () => {
    const one = await Case.of(1, 4);
    let assigned: number[] = [];
    // Written while the only record of a fetch is handled, all of these are in the next one, of both partitions.
    let step: 'quick' | 'hold' | 'slow' = 'quick';
    let isHeld = false;
    const slow = await one.start({
      eachMessage: async ({ partition, message, heartbeat }) => {
        one.seen.push(`${partition} ${message.offset}`);
        if (step === 'slow') {
          step = 'quick';
          await sleep(4_500);
        }
        while (step === 'hold') {
          isHeld = true;
          await heartbeat();
          await sleep(50);
        }
      },
    });
    slow.on(slow.events.GROUP_JOIN, ({ payload }) => {
      assigned = payload.memberAssignment[one.topic] ?? [];
    });
    await one.until(4);
    const other = await one.start(one.noting());
    await until('each has two partitions', () => assigned.length === 2);
    const [held = -1] = assigned;
    step = 'hold';
    await one.write([held]);
    await until('the slow one handles a record', () => isHeld);
    await one.produce(5, 4);
    step = 'slow';
    const evictions = () =>
      query<{ n: number }>(one.store, 'SELECT count(*) AS n FROM member WHERE announced = 0')[0]?.n ?? 0;
    await until('the slow one was thrown out and is back', () => evictions() > 0, 30_000);
    await until('everything is delivered', () => new Set(one.seen).size === 25, 60_000);
    for (const consumer of [slow, other]) await one.stop(consumer);
    const causes = one.causes();
    // Both members were at it at once, so the time-out is proven only of what was delivered apart.
    expect(causes.filter((cause) => cause.startsWith('session_timeout'))).not.toEqual([]);
    expect(causes.filter((cause) => cause.startsWith('zombie'))).not.toEqual([]);
    for (const cause of causes) expect(cause).toMatch(/^(session_timeout|zombie) (proven|probable)$/);
  });

  test('a process that was stopped for a while: whatever it redelivers is never proven wrong', async () => {
    const one = await Case.of(150, 3);
    const frozen = await one.child(5);
    await until('it delivers', () => frozen.seen() > 20);
    frozen.process.kill('SIGSTOP');
    const consumer = await one.start(one.noting());
    await until('the other has taken over', () => one.seen.length > 200, 30_000);
    frozen.process.kill('SIGCONT');
    await until(
      'the frozen one is back',
      () =>
        (query<{ n: number }>(one.store, 'SELECT count(*) AS n FROM member WHERE announced = 0')[0]?.n ?? 0) >
        0,
    );
    const exited = once(frozen.process, 'exit');
    frozen.process.send('stop');
    await exited;
    await one.stop(consumer);
    const causes = one.causes();
    // Its last records again, by the new owner; and what it delivered itself when it woke up and knew of nothing yet.
    // Both members were at it at once, so the time-out is proven only of what was delivered apart.
    expect(causes.filter((cause) => cause.startsWith('session_timeout'))).not.toEqual([]);
    for (const cause of causes) expect(cause).toMatch(/^(session_timeout|zombie) (proven|probable)$/);
  });
});
