/** `dupescope serve`: the service and what it watches, until a signal ends it. */
import type { Command } from 'commander';
import { addSettings, configOf } from './settings';

export function serveCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('answer over HTTP what was delivered or written more than once')
    .action(() => {
      const config = configOf(command);
      // Express and kafkajs: no other command should pay for loading them.
      const serving: typeof import('./serving') = require('./serving');
      return serving.serve(config);
    });
  addSettings(command);
}
