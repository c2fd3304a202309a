/**
 * What a check is: one question about this system or a cluster, answered by one line.
 *
 * A check looks for itself, and changes nothing. What it finds wrong is told
 * as the launcher tells it (an Actionable error), so that both say the same.
 */

import { type Actionable, isActionable } from '../errors.ts';

/** Stable: errors of the launcher name them, scripts may match them. docs/doctor.md has them all. */
export type CheckId = HostCheckId | ClusterCheckId;
export type HostCheckId =
  | 'bubblewrap'
  | 'user-namespaces'
  | 'proc'
  | 'seccomp'
  | 'native'
  | 'limits'
  | 'sandbox'
  | 'self-test'
  | 'kubeconfig';
export type ClusterCheckId =
  | 'credentials'
  | 'api-server'
  | 'clock'
  | 'namespaces'
  | 'rights'
  | 'services'
  | 'targets'
  | 'transports';

export type Status = 'ok' | 'warning' | 'failed' | 'skipped';

/** For machines: what a message says in words. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface Finding {
  readonly status: Status;
  /** A fragment in lower case, without a full stop. */
  readonly message: string;
  /** What to do; a warning and a failure always have it. */
  readonly remedy?: string;
  /** Of the error that a run would end with. */
  readonly code?: string;
  /** What goes with it, a line each: a file to write, what is done without. */
  readonly notes?: readonly string[];
  readonly facts?: Facts;
}

/** @typeParam Context what the checks of one kind look at */
export interface Check<Context> {
  readonly id: CheckId;
  readonly title: string;
  /** Without these there is nothing to look at; of the same context, or of the host. */
  readonly needs: readonly CheckId[];
  /** It has failed when it takes longer. */
  readonly timeoutMs?: number;
  /** What it throws that a user can act on is its failure. @param signal ends it early */
  run(context: Context, signal: AbortSignal): Promise<Finding>;
}

type Details = Pick<Finding, 'notes' | 'facts'>;

export function ok(message: string, details: Details = {}): Finding {
  return { status: 'ok', message, ...details };
}

export function warning(message: string, remedy: string, details: Details = {}): Finding {
  return { status: 'warning', message, remedy, ...details };
}

export function skipped(message: string): Finding {
  return { status: 'skipped', message };
}

export function failed({ code, message, remedy }: Actionable, details: Details = {}): Finding {
  return { status: 'failed', code, message, remedy, ...details };
}

/** @throws what is no error for users: a bug */
export function failedBy(error: unknown, details: Details = {}): Finding {
  if (!isActionable(error)) throw error;
  return failed(error, details);
}
