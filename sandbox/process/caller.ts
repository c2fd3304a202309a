/**
 * What the caller's shell had set up, which Node changes as it starts: the soft
 * limit of open files (Node raises it to the hard one), the ignored signals (a
 * child of Node gets all of them at their default), and which files were open
 * (Node has some of its own since). The script that starts Node notes them in
 * one variable of the environment.
 */

export interface CallerState {
  /** Soft RLIMIT_NOFILE; undefined where it is not known. */
  readonly openFiles: number | 'unlimited' | undefined;
  /** Bit n-1 for signal n, as SigIgn of proc(5). */
  readonly ignoredSignals: bigint;
  /** The file descriptors that were open; undefined where they are not known. */
  readonly openFds?: readonly number[];
}

const VARIABLE = 'KNS_ROOTLESS_CALLER';

const NOTE = /^nofile=(\d+|unlimited) sigign=([\da-f]{1,16})(?: fds=([\d,]*))?$/;

const UNKNOWN: CallerState = { openFiles: undefined, ignoredSignals: 0n };

/** Reads the note and takes it out of `env`, so that no child inherits it. */
export function readCallerState(env: Record<string, string | undefined>): CallerState {
  const match = NOTE.exec(env[VARIABLE] ?? '');
  delete env[VARIABLE];
  if (!match) return UNKNOWN;
  const [, limit, ignored = '0', fds] = match;
  return {
    openFiles: limit === 'unlimited' ? 'unlimited' : Number(limit),
    ignoredSignals: BigInt(`0x${ignored}`),
    ...(fds === undefined
      ? {}
      : {
          openFds: fds
            .split(',')
            .filter((fd) => fd !== '')
            .map(Number),
        }),
  };
}

/** Whether this process was started for the sandbox alone: then its terminal is the command's alone. */
export function isLauncher(caller: CallerState | undefined): boolean {
  return caller?.openFiles !== undefined;
}

export { UNKNOWN as UNKNOWN_CALLER };
