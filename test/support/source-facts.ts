import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What only the text of the sources tells: two of the shapes are private. */

const ROOT = join(import.meta.dirname, '../..');

export function sourceFiles(): string[] {
  return globSync('src/**/*.ts', { cwd: ROOT });
}

/** Every variable that the code reads, sorted, without those of the AWS SDK. */
export function environmentNames(): string[] {
  const names = sourceFiles().flatMap((file) => {
    const text = read(file);
    const isConfig = /(?:-config|\/env)\.ts$/.test(file);
    const shapes = isConfig
      ? [...text.matchAll(/\b([A-Z][A-Z0-9_]*): (?:z|whole|PostgresUrl|RedisUrl|ReleaseId|LogLevel|BoardMode)\b/g)]
      : [];
    return [...shapes, ...text.matchAll(/\benv\['([A-Z][A-Z0-9_]*)'\]/g)].map(([, name = '']) => name);
  });
  return [...new Set(names)].filter((name) => !name.startsWith('AWS_')).toSorted();
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
