/**
 * What a broker's parent and its supervisor say to each other: one JSON document a line, orders on the
 * supervisor's stdin, news on its stdout. The end of stdin is an order, too: stop.
 */

export interface Command {
  command: string;
  args: readonly string[];
  /** Ends the program instead of SIGKILL to its process, where that would only end a client, as with Docker. */
  endWith?: readonly [command: string, ...args: string[]];
}

export type Order = ({ order: 'run' } & Command) | { order: 'kill' };

export type News =
  /** First of all: the folder is made, and belongs to the supervisor. */
  | { news: 'folder'; path: string }
  | { news: 'running'; pid: number }
  | { news: 'failed'; message: string }
  | { news: 'ended'; code: number | null; signal: string | null };

/** Within the supervisor's folder; all that the program writes goes here. */
export const LOG_NAME = 'broker.log';
