import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/*
 * The entry, and the one file that is not TypeScript. Most commands load over a thousand modules, and Node keeps what it compiled
 * of them and what was left when it had stripped their types: it compares both with the source (Node.js docs: Module compile
 * cache). A first file that needs stripping itself would have Node load what strips types at every start. Beside the
 * dependencies, and not in the temporary folder, the cache is changed by nobody who may not change the code. Where this user
 * may not write, nothing is kept.
 */
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/rolecall'));
await import('./cli.ts');
