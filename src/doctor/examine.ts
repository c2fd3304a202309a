/**
 * Runs checks, each as soon as those that it needs have passed, side by side.
 *
 * A check that needs one that has failed is skipped, and says so: one cause is
 * one failure. Each has a limit of its own, after which it has failed; its
 * signal tells it to let go of what it holds.
 */

import { reasonOf } from '../cluster/index.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Check, CheckId, Finding } from './check.ts';
import { failedBy, skipped } from './check.ts';

/** For checks that have no limit of their own. */
const CHECK_TIMEOUT_MS = 30_000;

/** A check together with what it looks at. */
export interface Planned {
  readonly id: CheckId;
  readonly title: string;
  /** Which of several clusters; absent where there is one. */
  readonly subject?: string;
  readonly needs: readonly Planned[];
  readonly timeoutMs: number;
  readonly run: (signal: AbortSignal) => Promise<Finding>;
}

export interface Examined extends Finding {
  readonly id: CheckId;
  readonly title: string;
  readonly subject?: string;
  readonly ms: number;
}

/** @param needed those that these may need, besides one another */
export function plan<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  { subject, needed = [] }: { readonly subject?: string; readonly needed?: readonly Planned[] } = {},
): Planned[] {
  const planned: Planned[] = [];
  for (const check of checks) {
    const { id, title, timeoutMs = CHECK_TIMEOUT_MS } = check;
    const needs = check.needs.map((wanted) => {
      const found = [...planned, ...needed].find((one) => one.id === wanted);
      if (found === undefined) throw new Error(`${id} needs ${wanted}, which does not come before it`);
      return found;
    });
    planned.push({
      id,
      title,
      needs,
      timeoutMs,
      run: (signal) => check.run(context, signal),
      ...(subject === undefined ? {} : { subject }),
    });
  }
  return planned;
}

/** @returns a promise for each, in their order, so that they can be told as they come */
export function examine(checks: readonly Planned[]): Promise<Examined>[] {
  const results = new Map<Planned, Promise<Examined>>();
  for (const check of checks) {
    const needs = check.needs.map((needed) => {
      const result = results.get(needed);
      if (result === undefined) throw new Error(`${check.id} comes before ${needed.id}, which it needs`);
      return result;
    });
    results.set(check, examineOne(check, needs));
  }
  return [...results.values()];
}

async function examineOne(check: Planned, needs: readonly Promise<Examined>[]): Promise<Examined> {
  const { id, title, subject } = check;
  const missing = (await Promise.all(needs)).filter(
    ({ status }) => status === 'failed' || status === 'skipped',
  );
  const start = monotonicMs();
  const finding =
    missing.length > 0 ? skipped(`needs ${missing.map((one) => one.id).join(', ')}`) : await bounded(check);
  const ms = Math.round(monotonicMs() - start);
  return { id, title, ...(subject === undefined ? {} : { subject }), ...finding, ms };
}

async function bounded({ id, timeoutMs, run }: Planned): Promise<Finding> {
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      giveUp.abort(new Error(`given up after ${timeoutMs / 1000} s`));
      resolve({
        status: 'failed',
        message: `not done within ${timeoutMs / 1000} s`,
        remedy: 'see what holds it up; a machine under heavy load may only need another try',
      });
    }, timeoutMs);
  });
  try {
    return await Promise.race([run(giveUp.signal).catch((error: unknown) => broken(id, error)), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A bug in one check is no reason to lose what the others have found. */
function broken(id: CheckId, error: unknown): Finding {
  try {
    return failedBy(error);
  } catch {
    return {
      status: 'failed',
      message: `the check itself failed: ${reasonOf(error)}`,
      remedy: `please report it, with: kns-rootless doctor --json (${id})`,
    };
  }
}
