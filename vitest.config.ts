import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Mostly they wait: for locks, delays and deadlines. More files at once than cores still save minutes.
          maxWorkers: 3,
          expect: { poll: { timeout: 10_000 } }, // a second is little on a busy machine
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each test starts several processes; on two cores more files at once would only wait for each other.
          fileParallelism: false,
        },
      },
    ],
    reporters: ['default'],
  },
});
