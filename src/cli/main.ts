#!/usr/bin/env node
/** The command line: what it can do, by name. Each command is a file; `exit.ts` ends the process for all of them. */
import { Command } from 'commander';
import { VERSION } from '../version';
import { demoCommand } from './demo';
import { doctorCommand } from './doctor';
import { runToExit } from './exit';
import { reportCommand } from './report';
import { serveCommand } from './serve';

const program = new Command('dupescope')
  .description('Which Kafka records were delivered more than once, to whom and when')
  .version(VERSION);

serveCommand(program);
reportCommand(program);
doctorCommand(program);
demoCommand(program);

runToExit(program, process.argv);
