/**
 * What the caller's shell had set up, which Node changes as it starts: the soft
 * limit of open files (Node raises it to the hard one), the ignored signals (a
 * child of Node gets all of them at their default), and which files were open
 * (Node has some of its own since). The script that starts Node notes them in
 * one variable of the environment, and in others what its shell would not pass on
 * of that.
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

const NOTE = /^nofile=(\d+|unlimited) sigign=([\da-f]{1,16})(?: fds=([\d,]*))?(?: lost=(\d{1,4}))?$/;

const UNKNOWN: CallerState = { openFiles: undefined, ignoredSignals: 0n };

/** Reads the note and takes it out of `env`, so that no child inherits it; and makes that its caller's again. */
export function readCallerState(env: Record<string, string | undefined>): CallerState {
  const match = NOTE.exec(env[VARIABLE] ?? '');
  delete env[VARIABLE];
  if (!match) return UNKNOWN;
  const [, limit, ignored = '0', fds, lost = '0'] = match;
  restoreLost(env, Number(lost));
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

/** As the script has encoded them: in pieces, each entry with a NUL behind it. Of two of a name the first counts. */
function restoreLost(env: Record<string, string | undefined>, pieces: number): void {
  let encoded = '';
  for (let count = 0; count < pieces; count++) {
    const name = `${VARIABLE}_${count}`;
    encoded += env[name] ?? '';
    delete env[name];
  }
  const entries = Buffer.from(encoded, 'base64').toString().split('\0').slice(0, -1);
  for (const entry of entries.toReversed()) {
    const end = entry.indexOf('=');
    env[entry.slice(0, end)] = entry.slice(end + 1);
  }
}

/** Whether this process was started for the sandbox alone: then its terminal is the command's alone. */
export function isLauncher(caller: CallerState | undefined): boolean {
  return caller?.openFiles !== undefined;
}

export { UNKNOWN as UNKNOWN_CALLER };
