/** `npm run dashboards [-- --docs https://wiki.example/dupescope/]`: writes what `outputs` makes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { outputs } from './outputs';

const { values } = parseArgs({ options: { docs: { type: 'string' } } });
for (const [path, text] of outputs(values.docs)) {
  writeFileSync(join(__dirname, '..', path), text);
  console.log(`dashboards/${path}`);
}
