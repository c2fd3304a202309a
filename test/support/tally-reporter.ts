/**
 * Adds this run's counts, and what failed in it, to the file that $KNS_TALLY names, as one JSON line: several runs can
 * be summed, and the sum says at its end what is wrong.
 */

import { appendFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** One line of JSON of the tally. */
interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Where each failure was, and what it said. */
  failures: { where: string; what: string }[];
}

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env['KNS_TALLY'];
    if (file === undefined) return;
    const tally: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
    const fail = (where: string, errors: readonly SerializedError[]) => {
      tally.failed += 1;
      tally.failures.push({ where, what: errors.map(textOf).join('\n') });
    };
    for (const error of unhandled) fail('outside of the tests', [error]);
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'failed') fail(`${module.relativeModuleId} > ${test.fullName}`, errors);
        else tally[state === 'pending' ? 'skipped' : state] += 1;
      }
      // What fails outside of a test, as a file that can't be loaded or a hook, is no test's failure.
      for (const suite of module.children.allSuites())
        if (suite.errors().length > 0) fail(`${module.relativeModuleId} > ${suite.fullName}`, suite.errors());
      if (module.errors().length > 0) fail(module.relativeModuleId, module.errors());
    }
    appendFileSync(file, `${JSON.stringify(tally)}\n`);
  }
}

/** The first lines of an error's message, and the line of a test that it came from. */
function textOf(error: SerializedError): string {
  const lines = error.message.split('\n').slice(0, 12);
  const at = error.stack?.split('\n').find((line) => line.includes('/test/'));
  return [...lines, ...(at === undefined ? [] : [at.trim()])].join('\n');
}
