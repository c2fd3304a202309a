/** `npm run matrix`: the smoke suite on other kernels, releases of bubblewrap and containers; writes docs/compatibility.md. */

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/matrix/matrix.ts'],
    pool: 'forks',
    maxWorkers: 1,
    maxConcurrency: 2,
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
});
