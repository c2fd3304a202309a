/** `npm run test:cluster`: the suites that talk to a cluster, against the one that $KUBECONFIG names. */

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.cluster.test.ts'],
    globalSetup: ['test/support/real-cluster.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/tally-reporter.ts'],
  },
});
