/** Adds this run's counts to the file that $KNS_TALLY names, as one JSON line, so that several runs can be summed. */

import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const file = process.env['KNS_TALLY'];
    if (file === undefined) return;
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      const before = counts.passed + counts.failed + counts.skipped;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === 'pending' ? 'skipped' : state] += 1;
      }
      // A module that could not even be loaded has no tests to count, and has failed all the same.
      if (module.state() === 'failed' && counts.passed + counts.failed + counts.skipped === before)
        counts.failed += 1;
    }
    appendFileSync(file, `${JSON.stringify(counts)}\n`);
  }
}
