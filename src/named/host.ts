/**
 * This process as the host of a sandbox that others find: it has the name and
 * its lock, listens on the control socket, and keeps the last lines of the log.
 *
 * A run that was given no name is called by its pid. It runs as well where
 * there is no place for names: a full or read-only /tmp is no reason not to.
 */

import { actionLine, isActionable } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { StandingSession } from '../session/standing.ts';
import { ControlServer } from './control-server.ts';
import { endedEarly } from './errors.ts';
import { LogRing } from './log-ring.ts';
import { Claim } from './registry.ts';
import { removeIfEmpty, stateDirectories, stateDirectory, stateDirectoryFailed } from './state-directory.ts';

/** Our own exit code for a start that was given up (src/cli/exit-codes.ts). */
const EXIT_GIVEN_UP = 125;

export class NamedHost {
  /** What was said, as it always is; and kept. */
  readonly log: Log;
  /** The entry, as a session's options have it. */
  readonly entry: { readonly name: string; readonly locked?: string };
  readonly #control: ControlServer | undefined;

  private constructor(name: string, log: Log, control: ControlServer | undefined) {
    this.log = log;
    this.entry = { name, ...(control === undefined ? {} : { locked: control.directory }) };
    this.#control = control;
  }

  /** @throws UsageError SANDBOX_NAME_TAKEN, STATE_DIRECTORY_…, where a name was asked for */
  static async open(given: string | undefined, log: Log): Promise<NamedHost> {
    const name = given ?? String(process.pid);
    const ring = new LogRing();
    try {
      const control = await serve(name, ring, log);
      return new NamedHost(name, keptIn(ring, log), control);
    } catch (error) {
      if (given !== undefined) throw error;
      const reason = isActionable(error) ? actionLine(error) : String(error);
      log.info(`list and exec do not find this sandbox: ${reason}`);
      return new NamedHost(name, log, undefined);
    }
  }

  attend(session: StandingSession): void {
    this.#control?.attend(session);
  }

  /** When the session is over, and all of it is gone. */
  async close(): Promise<void> {
    await this.#control?.close();
    // One that went as it was to be covered was made anew by that.
    for (const directory of stateDirectories(process.env)) removeIfEmpty(directory);
  }
}

async function serve(name: string, ring: LogRing, log: Log): Promise<ControlServer> {
  const claim = await Claim.take(stateDirectory(process.env), name);
  const giveUp = () => {
    claim.release();
    log.warn(actionLine(endedEarly(name)));
    // What was started meanwhile ends with its host (native/stub/guard.c).
    process.exit(EXIT_GIVEN_UP);
  };
  try {
    return await ControlServer.listen({ claim, log: ring, giveUp });
  } catch (error) {
    claim.release();
    throw stateDirectoryFailed(claim.directory, error);
  }
}

/** All but each single connection is kept, whatever the user wants to be told. */
function keptIn(ring: LogRing, log: Log): Log {
  return {
    warn: (line) => {
      ring.add(line);
      log.warn(line);
    },
    info: (line) => {
      ring.add(line);
      log.info(line);
    },
    debug: (line) => log.debug(line),
    hasDebug: log.hasDebug,
  };
}
