import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestJsonSchema } from './json-schema.ts';

/** `npm run schema`: publishes the schema at the top of the repository, beside the sample manifest that names it. */
const target = join(import.meta.dirname, '../../../rolecall.schema.json');
writeFileSync(target, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);
