/**
 * Ends this process when its parent is gone, however it went. Loaded by every child of the demo: the consumers
 * import it, the service gets it by `--require`. The parent holds the other end of the IPC channel, and the
 * kernel closes it for a parent that was killed.
 *
 * DUPESCOPE_DEMO_FOLDER: the folder that this process removes then, since the parent cannot any more.
 */
import { rmSync } from 'node:fs';

/** The other children are told at the same moment: what they still write shall be removed too. */
const OTHERS_END_MS = 500;

process.once('disconnect', () => {
  const folder = process.env.DUPESCOPE_DEMO_FOLDER;
  if (folder === undefined) process.exit(1);
  setTimeout(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    process.exit(1);
  }, OTHERS_END_MS);
});
// A child that has nothing else to do may end; listening to the parent is no reason to stay.
process.channel?.unref();
