import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What only the text of the sources tells: importing cli.ts would run it, and two of the shapes are private. */

const ROOT = join(import.meta.dirname, '../..');

export function sourceFiles(): string[] {
  return globSync('src/**/*.ts', { cwd: ROOT });
}

/** Command → the file that defines it, in the order in which the help lists them. */
export function commandFiles(): ReadonlyMap<string, string> {
  const table = /^const COMMANDS\b[\s\S]*?^};/m.exec(read('src/cli.ts'))?.[0] ?? '';
  return new Map(
    [...table.matchAll(/^ {2}(\w+): async \(\) =>\s*\(await import\('\.\/([^']+)'\)/gm)].map(
      ([, name = '', file = '']) => [name, `src/${file}`],
    ),
  );
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
