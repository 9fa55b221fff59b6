/** What `npm start` shows: installs and builds where needed, then runs the demonstration. */
import { spawnSync } from 'node:child_process';
import { execPath, exit, stdout } from 'node:process';
import { ensureBuilt, ensureInstalled, root } from './ready.mjs';

/** The demonstration: each line is what one would type after `npx spapr-dma`. */
const demonstration = [['run'], ['follow', 'traces/01-ddw-nvme-4k.log.gz']];

ensureInstalled();
if (!ensureBuilt()) exit(1);
for (const args of demonstration) {
  stdout.write(`\n$ npx spapr-dma ${args.join(' ')}\n`);
  const { status } = spawnSync(execPath, ['apps/cli/bin/spapr-dma.js', ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) exit(status ?? 1);
}
