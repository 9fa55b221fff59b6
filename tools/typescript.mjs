/**
 * Lets Node run TypeScript as it stands: `node --import ./tools/typescript.mjs FILE.ts`.
 *
 * Types are stripped file by file (the sources keep to syntax that can be erased), and an import of `./x.js` finds
 * `./x.ts`. For benchmarks, which should run in a plain Node and not inside a test runner's module loader.
 */
import { register } from 'node:module';
import { setSourceMapsEnabled } from 'node:process';

setSourceMapsEnabled(true);
register('./typescript-hooks.mjs', import.meta.url);
