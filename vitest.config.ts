import { basename, join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Processes of the tests load hundreds of modules; to compile them anew is an eighth of all that the tests take. */
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/rolecall');

/** What they promise is about seconds, of which a busy machine has fewer: only each other runs beside them. */
const AGAINST_THE_CLOCK = ['fairness', 'pacing', 'shared-walks', 'walks-and-turns'].map(
  (name) => `test/integration/${name}.test.ts`,
);

/** Mostly tests wait: for locks, delays and deadlines. More files at once than cores still save minutes. */
const FILES_AT_ONCE = 3;

/** These wait the longest, most of all the one for locks to expire: begun last, they would wait with nothing beside them. */
const LONGEST = new Set(
  ['fairness', 'worker-crash', 'database-guard', 'slot-book', 'pool-walks', 'outages', 'used-up-quotas'].map(
    (name) => `${name}.test.ts`,
  ),
);
const isLong = ({ moduleId }: TestSpecification) => LONGEST.has(basename(moduleId));

/** By itself Vitest knows only how long each file took the last time, which a fresh checkout has not seen. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files); // oxlint-disable-line unicorn/no-array-sort -- it is no array's
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 1 },
          include: ['test/unit/**/*.test.ts'],
          isolate: false, // pure functions: files that share what they load take half the time
          maxWorkers: FILES_AT_ONCE,
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: ['test/integration/**/*.test.ts'],
          exclude: [...AGAINST_THE_CLOCK],
          isolate: false, // what a test opens goes with it, and modules keep nothing: a sixth less of the processor
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: FILES_AT_ONCE,
          expect: { poll: { timeout: 10_000 } }, // a second is little on a busy machine
        },
      },
      {
        test: {
          name: 'clock',
          sequence: { groupOrder: 2 },
          include: [...AGAINST_THE_CLOCK],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2, // they mostly wait for their quota
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 3 },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each test starts several processes; on two cores more files at once would only wait for each other.
          fileParallelism: false,
          isolate: false, // here, too, modules keep nothing
        },
      },
    ],
    reporters: ['default'],
  },
});
