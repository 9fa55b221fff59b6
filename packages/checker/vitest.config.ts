import { fileURLToPath } from 'node:url';
import { packageTests } from '../../vitest.base.ts';

// Threads of a search start from the sources too, outside of what vitest loads.
const typescript = fileURLToPath(new URL('../../tools/typescript.mjs', import.meta.url));

export default packageTests({ execArgv: ['--import', typescript] });
