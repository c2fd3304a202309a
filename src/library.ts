/**
 * A run as a function, for programs that bring ways out of their own:
 *
 *     import { run } from 'kns-rootless';
 *     const code = await run(['-n', 'shop', '--allow', '*@recorded', '--', 'npm', 'test'], {
 *       dialers: [{ name: 'recorded', stream: (destination, events) => … }],
 *     });
 *
 * The arguments are those of the command line, and mean the same. The process is
 * the sandbox's host as that of the command line is: its terminal, its standard
 * streams and its environment are the command's, and a signal to it is passed on.
 */

import { UNKNOWN_CALLER } from '../sandbox/index.ts';
import { runHere } from './cli/commands/run.ts';
import { parseCommandLine } from './cli/program.ts';
import { given } from './cli/values/given.ts';
import { VERSION } from './cli/version.ts';
import type { Dialer } from './egress/dialer.ts';
import type { Log } from './observe/log.ts';

export type {
  DatagramFlow,
  DatagramFlowEvents,
  DatagramPort,
  Dialer,
  EchoProbe,
  EgressDestination,
} from './egress/dialer.ts';
export type { Actionable } from './errors.ts';
export type { Log } from './observe/log.ts';
export { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from './relay/stream.ts';

export interface RunOptions {
  /**
   * Ways out that rules name by `@NAME`. One that is called `direct` takes the place of the host's sockets, for
   * all that no rule sends elsewhere.
   */
  readonly dialers?: readonly Dialer[];
  /** Without, lines on stderr, as many as `-v` asks for. */
  readonly log?: Log;
}

/** @returns the command's exit code, 128+n where a signal ended it. Throws `Actionable`; after --help and --version what commander throws */
export async function run(argv: readonly string[], { dialers = [], log }: RunOptions = {}): Promise<number> {
  const { command, name, fds, ...line } = parseCommandLine(argv, VERSION, process.env['SHELL'] || '/bin/sh');
  const { code } = await runHere({
    line: { ...line, dialers },
    command,
    fds,
    name,
    caller: UNKNOWN_CALLER,
    ...given({ log }),
    endsProcess: false,
    onReady: () => {},
  });
  return code;
}
