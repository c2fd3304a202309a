/** The order of checks, what is skipped, and what becomes of one that hangs or breaks. */

import { EventEmitter, once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { type Check, ok, skipped, warning } from '../../../src/doctor/check.ts';
import { examine, type Examined, plan } from '../../../src/doctor/examine.ts';
import { lineOf, summaryOf, wouldWork } from '../../../src/doctor/report.ts';
import { UsageError } from '../../../src/errors.ts';

type Run = Check<undefined>['run'];

function check(id: Check<undefined>['id'], needs: Check<undefined>['needs'], run: Run): Check<undefined> {
  return { id, title: id, needs, timeoutMs: 1_000, run };
}

const passes: Run = async () => ok('fine');
const fails: Run = async () => {
  throw new UsageError('SOME_CODE', 'it is broken', 'mend it');
};

function outcome(checks: readonly Check<undefined>[]): Promise<Examined[]> {
  return Promise.all(examine(plan(checks, undefined)));
}

test('what needs a failure is skipped, and says what it needs; all else is looked at', async () => {
  const results = await outcome([
    check('bubblewrap', [], fails),
    check('user-namespaces', ['bubblewrap'], passes),
    check('proc', ['user-namespaces'], passes),
    check('native', [], passes),
  ]);
  expect(results.map(({ id, status, message }) => [id, status, message])).toEqual([
    ['bubblewrap', 'failed', 'it is broken'],
    ['user-namespaces', 'skipped', 'needs bubblewrap'],
    ['proc', 'skipped', 'needs user-namespaces'],
    ['native', 'ok', 'fine'],
  ]);
});

test('a warning keeps nobody from going on, and what has nothing to look at is no failure', async () => {
  const results = await outcome([
    check('limits', [], async () => warning('few', 'raise them')),
    check('sandbox', ['limits'], passes),
    check('transports', [], async () => skipped('nobody there')),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['warning', 'ok', 'skipped']);
  expect(wouldWork(results)).toBe(true);
  expect(summaryOf(results)).toBe('A run would work, with one restriction.');
});

test('those that need nothing of one another run side by side, and in turn those that do', async () => {
  const events: string[] = [];
  const gate = new EventEmitter();
  const [slow, quick, last] = examine(
    plan(
      [
        check('native', [], async () => {
          events.push('slow begins');
          await once(gate, 'open');
          events.push('slow ends');
          return ok('');
        }),
        check('limits', [], async () => {
          events.push('quick');
          return ok('');
        }),
        check('sandbox', ['native'], async () => {
          events.push('last');
          return ok('');
        }),
      ],
      undefined,
    ),
  );
  await quick;
  gate.emit('open');
  await Promise.all([slow, last]);
  expect(events).toEqual(['slow begins', 'quick', 'slow ends', 'last']);
});

describe('a check', () => {
  test('that hangs has failed after its time, and is told to let go', async () => {
    vi.useFakeTimers();
    try {
      let reason: unknown;
      const pending = outcome([
        check('native', [], (_context, signal) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
          return new Promise(() => {});
        }),
      ]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await pending).toMatchObject([{ status: 'failed', message: 'not done within 1 s' }]);
      expect(reason).toBeInstanceOf(Error);
    } finally {
      vi.useRealTimers();
    }
  });

  test('that has a bug says so, and the others go on', async () => {
    const results = await outcome([
      check('native', [], async () => {
        throw new TypeError('undefined is no function');
      }),
      check('limits', [], passes),
    ]);
    expect(results).toMatchObject([
      { status: 'failed', message: expect.stringContaining('undefined is no function') },
      { status: 'ok' },
    ]);
  });

  test('can need none that comes after it', () => {
    const checks = [check('proc', ['native'], passes), check('native', [], passes)];
    expect(() => plan(checks, undefined)).toThrow('proc needs native');
  });
});

test('a line has status, name, finding, code and remedy; notes are below it', async () => {
  const [failure, fine] = await Promise.all(
    examine([
      ...plan([check('rights', [], fails)], undefined, { subject: 'prod' }),
      ...plan([check('proc', [], async () => ok('fine', { notes: ['one', 'two'] }))], undefined),
    ]),
  );
  expect(lineOf(failure)).toBe('failed   rights (prod)     it is broken [SOME_CODE]: mend it');
  expect(lineOf(fine)).toBe('ok       proc              fine\n         one\n         two');
  expect(summaryOf([failure, fine])).toBe('A run would fail: begin with rights.');
});
