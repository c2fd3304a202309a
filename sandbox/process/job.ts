/**
 * The command as a job of its caller's shell, with us in between.
 *
 * The command shares our process group: a pipeline, Ctrl-C, Ctrl-Z and a window
 * that is resized work as if we were not there. Two things need help.
 *
 * A signal that is sent to us is meant for the command. What the kernel sends
 * (a key of the terminal) goes to the group, and so does kill(2) of a negative
 * pid; the command has got these itself. All else is passed on. Only the
 * command's own group counts: an interactive shell makes one of its own. The
 * exception is a terminal that goes away: the kernel tells the leader of its
 * session alone (setsid(2)), which we are where no shell is in between
 * (`ssh -t host kns-rootless …`).
 *
 * A command that stops has to stop us as well, or the caller's shell would wait
 * for ever: it sees us alone. We never stop by ourselves: where the command
 * does not stop for a Ctrl-Z, nothing does.
 */

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Addon } from '../native/addon.ts';
import type { Guard } from './guard.ts';
import type { ReceivedSignal } from './signals.ts';

const { SIGHUP, SIGSTOP } = constants.signals;

/** What proc(5) tells of a process in its stat. */
interface Standing {
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** The group in the foreground of its terminal; -1 where it has none. */
  readonly foreground: number;
}

/** @returns undefined where there is no such process */
function standingOf(pid: number | 'self'): Standing | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything, brackets too.
    const [, state = '', , group, session, , foreground] = stat.slice(stat.lastIndexOf(')')).split(' ');
    return { state, group: Number(group), session: Number(session), foreground: Number(foreground) };
  } catch {
    return undefined;
  }
}

/** The pid behind a pidfd (proc(5), fdinfo); undefined once it has been waited for. */
function pidOf(pidfd: number): number | undefined {
  const match = /^Pid:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1'));
  return match ? Number(match[1]) : undefined;
}

export class Job {
  readonly #api: Addon;
  readonly #guard: Guard;
  /** Closed by its owner, after `end`. */
  readonly #pidfd: number;
  #passed: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(api: Addon, guard: Guard, pidfd: number) {
    this.#api = api;
    this.#guard = guard;
    this.#pidfd = pidfd;
    void guard.watchCommand((signo) => this.#stopLikeCommand(signo));
  }

  /** Sends a signal to the command itself; nothing happens when it has ended. */
  signal(signo: number): void {
    if (!this.#ended) this.#api.pidfdSendSignal(this.#pidfd, signo);
  }

  /** Passes a signal on unless the command has got it already; signals keep their order. */
  pass(signal: ReceivedSignal): void {
    this.#passed = this.#passed.then(() => this.#passOn(signal));
  }

  async #passOn(signal: ReceivedSignal): Promise<void> {
    if (!(await this.#hasGot(signal))) this.signal(signal.signo);
  }

  async #hasGot({ signo, fromKernel, senderPid }: ReceivedSignal): Promise<boolean> {
    if (fromKernel) return signo !== SIGHUP || standingOf('self')?.session !== process.pid;
    const wasForGroup = await this.#guard.wasForGroup(signo, senderPid);
    return wasForGroup && this.#command()?.group === standingOf('self')?.group;
  }

  #command(): Standing | undefined {
    const pid = this.#ended ? undefined : pidOf(this.#pidfd);
    return pid === undefined ? undefined : standingOf(pid);
  }

  /**
   * The word may come late, when all goes on already, so the state counts. The
   * signals of job control stop nobody who could not be continued (setpgid(2),
   * orphaned groups); SIGSTOP does, and is followed at a terminal only, where
   * the user would sit in front of a job that does nothing.
   */
  #stopLikeCommand(signo: number): void {
    const command = this.#command();
    const own = standingOf('self');
    if (command?.state !== 'T' || own === undefined) return;
    const isForeground = own.foreground === own.group || own.foreground === command.group;
    if (signo !== SIGSTOP || isForeground) process.kill(process.pid, SIGSTOP);
  }

  end(): void {
    this.#ended = true;
  }
}
