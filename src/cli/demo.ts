/** `dupescope demo`: a broker, a workload and faults, and what the ledger says of them. */
import type { Command } from 'commander';
import { fail } from '../errors';

interface Given {
  once?: boolean;
  listen?: string;
  service?: string;
  seed?: string;
  keep?: boolean;
  json?: boolean;
}

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('start a broker, consumers and faults, and watch what is found')
    .option('--once', 'one round, then a table of injected against found')
    .option('--listen <host:port>', 'where the service answers')
    .option('--service <url>', 'report to a service that runs already, instead of starting one')
    .option('--seed <number>', 'decides the order of the faults')
    .option('--keep', 'keep the folder with the store and the logs')
    .option('--json', 'with --once: the verdict as JSON')
    .action(async ({ once, listen, service, seed, keep, json }: Given) => {
      if (json === true && once !== true) fail('bad-usage', '--json is the verdict of a round: add --once.');
      if (service !== undefined && (once === true || listen !== undefined)) {
        fail(
          'bad-usage',
          '--service takes neither --once nor --listen: the store and the address are its own.',
        );
      }
      const options = {
        once: once === true,
        ...(listen === undefined ? {} : { listen }),
        ...(service === undefined ? {} : { service }),
        ...(seed === undefined ? {} : { seed: seedOf(seed) }),
        ...(keep === undefined ? {} : { keep }),
        ...(json === undefined ? {} : { json }),
      };
      // The demo brings a broker along; no other command should pay for loading it.
      const demo: typeof import('../demo/main') = require('../demo/main');
      process.exitCode = await demo.runDemo(options);
    });
}

function seedOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : fail('bad-usage', '--seed must be a whole number.');
}
