/** What `npm run mutate` starts: the tool is TypeScript, and needs the dependencies to be read. */
import { ensureInstalled } from './ready.mjs';

ensureInstalled();
await import('./typescript.mjs');
await import('./mutate/mutate.ts');
