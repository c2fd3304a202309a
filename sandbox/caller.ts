/**
 * What the caller's shell had set up, which Node changes as it starts: the soft
 * limit of open files (Node raises it to the hard one) and the ignored signals
 * (a child of Node gets all of them at their default). The script that starts
 * Node notes both in one variable of the environment.
 */

export interface CallerState {
  /** Soft RLIMIT_NOFILE; undefined where it is not known. */
  readonly openFiles: number | 'unlimited' | undefined;
  /** Bit n-1 for signal n, as SigIgn of proc(5). */
  readonly ignoredSignals: bigint;
}

const VARIABLE = 'KNS_ROOTLESS_CALLER';

const UNKNOWN: CallerState = { openFiles: undefined, ignoredSignals: 0n };

/** Reads the note and takes it out of `env`, so that no child inherits it. */
export function readCallerState(env: Record<string, string | undefined>): CallerState {
  const note = env[VARIABLE];
  delete env[VARIABLE];
  const match = note === undefined ? null : /^nofile=(\d+|unlimited) sigign=([\da-f]{1,16})$/.exec(note);
  if (!match) return UNKNOWN;
  return {
    openFiles: match[1] === 'unlimited' ? 'unlimited' : Number(match[1]),
    ignoredSignals: BigInt(`0x${match[2]}`),
  };
}

export { UNKNOWN as UNKNOWN_CALLER };
