/**
 * The command as a job of its caller's shell, with us in between.
 *
 *   the shell ── our group: us, guard, bubblewrap, init ── the command's group
 *              (the job that the shell knows)            (what has the terminal)
 *
 * Where we lead our process group at a terminal, the command leads one of its
 * own, as it would without us. Not for its own sake: a group whose leader is
 * outside of the sandbox's pids has the number 0 inside, and who has lent the
 * terminal to a child (a debugger, an editor's `:sh`, a shell) can't ask for it
 * back by that number. We put the terminal into its hands, and take it back:
 *
 *   it stops                     the terminal is ours again, and we stop: the shell sees us alone
 *   `fg`: SIGCONT, and we have   it gets the terminal, and goes on
 *   the terminal; `bg`: SIGCONT  it goes on without
 *   it stops for want of the     it gets it, and goes on: `fg` of a job that runs sends no signal
 *   terminal, which we have
 *   it ends                      the terminal is ours again
 *
 * Everywhere else it shares our group: in a pipeline, whose other end may read
 * keys; in a script, which is to get the Ctrl-C as well; without a terminal;
 * in a program that runs us as a function. Where the host's pids are shared,
 * the group has its number inside anyway.
 *
 * A signal that is sent to us is meant for the command. What is sent to our
 * whole group by the kernel (a key of the terminal) or by kill(2) of a negative
 * pid, it has got itself where it shares the group, and its group gets it where
 * it leads one. An interactive shell that shared ours has made one of its own
 * since: it alone gets such a kill(2). The exception is a terminal that goes
 * away: the kernel tells the leader of its session alone (setsid(2)), which we
 * are where no shell is in between (`ssh -t host kns-rootless …`).
 *
 * We never stop by ourselves: where the command does not stop for a Ctrl-Z,
 * nothing does.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { Addon } from '../native/addon.ts';
import type { Guard, StartingGroup } from './guard.ts';
import type { ReceivedSignal } from './signals.ts';
import { isOrphaned, pidOf, type Standing, standingOf } from './standing.ts';

const { SIGCONT, SIGHUP, SIGSTOP, SIGTTIN, SIGTTOU } = constants.signals;

/** Those of a process that would use the terminal from the background. */
const WANTS_TERMINAL: ReadonlySet<number> = new Set([SIGTTIN, SIGTTOU]);

/** Stdin and stdout are both our controlling terminal: in a pipeline one of them is not. */
function isAtTerminal({ terminal }: Standing): boolean {
  return [0, 1].every((fd) => isatty(fd) && fstatSync(fd).rdev === terminal);
}

function isEmpty(group: number): boolean {
  try {
    process.kill(-group, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/** What the command is to have, as far as it has got it not already. */
type Due = 'nothing' | 'command' | 'group';

export interface JobParts {
  readonly api: Addon;
  readonly guard: Guard;
  /** The command's; init's where there is none. */
  readonly pidfd: number;
  /** Whether the command may lead a process group. */
  readonly mayLead: boolean;
}

export class Job {
  readonly #api: Addon;
  readonly #guard: Guard;
  /** Closed by its owner, after `end`. */
  readonly #pidfd: number;
  readonly #mayLead: boolean;
  /** The group that the command leads. */
  #group: number | undefined;
  /** The terminal is the job's to give and to take: it was ours before. */
  #hadTerminal = false;
  #passed: Promise<void> = Promise.resolve();
  #ended = false;

  constructor({ api, guard, pidfd, mayLead }: JobParts) {
    this.#api = api;
    this.#guard = guard;
    this.#pidfd = pidfd;
    this.#mayLead = mayLead;
    void guard.watchCommand((signo) => this.#follow(signo));
    void guard.exited.then(() => this.takeTerminalBack());
  }

  /** @returns the process group that the command is to start in, from now on */
  begin(): StartingGroup {
    const own = standingOf('self');
    if (own === undefined) return 'shared';
    this.#hadTerminal = own.foreground === own.group;
    const leads = this.#mayLead && own.group === process.pid && own.foreground > 0 && isAtTerminal(own);
    this.#group = leads ? pidOf(this.#pidfd) : undefined;
    if (this.#group === undefined) return 'shared';
    // In the background from now on, we write to the terminal all the same (`stty tostop`).
    for (const signo of WANTS_TERMINAL) this.#api.ignoreSignal(signo);
    return this.#hadTerminal ? 'foreground' : 'own';
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
    const due = await this.#due(signal);
    if (signal.signo === SIGCONT) this.#handOver();
    if (due === 'group') this.#signalGroup(signal.signo);
    if (due === 'command') this.signal(signal.signo);
  }

  async #due({ signo, fromKernel, senderPid }: ReceivedSignal): Promise<Due> {
    if (fromKernel && signo === SIGHUP && standingOf('self')?.session === process.pid) return 'command';
    const wasForGroup = fromKernel || (await this.#guard.wasForGroup(signo, senderPid));
    if (!wasForGroup) return 'command';
    if (this.#group !== undefined) return 'group';
    return fromKernel || this.#command()?.group === standingOf('self')?.group ? 'nothing' : 'command';
  }

  /** A group has no pidfd; but its number is not free as long as its leader's is not, or it has others. */
  #signalGroup(signo: number): void {
    if (this.#group === undefined || this.#ended || !this.#api.pidfdSendSignal(this.#pidfd, 0)) return;
    try {
      process.kill(-this.#group, signo);
    } catch {
      // It has ended since.
    }
  }

  #command(): Standing | undefined {
    const pid = this.#ended ? undefined : pidOf(this.#pidfd);
    return pid === undefined ? undefined : standingOf(pid);
  }

  /**
   * The word may come late, when all goes on already, so the state counts. The
   * signals of job control stop nobody who could not be continued; SIGSTOP does,
   * and is followed at a terminal only, where the user would sit in front of a
   * job that does nothing.
   */
  #follow(signo: number): void {
    const command = this.#command();
    const own = standingOf('self');
    if (command?.state !== 'T' || own === undefined) return;
    const isForeground = own.foreground === own.group || own.foreground === command.group;
    if (signo === SIGSTOP && !isForeground) return;
    if (this.#group !== undefined && signo !== SIGSTOP && this.#spares(signo, own)) return;
    this.takeTerminalBack();
    process.kill(process.pid, SIGSTOP);
  }

  /** Whether the job that the shell knows would not have stopped; then its group goes on, as far as it can. */
  #spares(signo: number, own: Standing): boolean {
    const wantsTerminal = WANTS_TERMINAL.has(signo);
    const mayHaveIt = own.foreground === own.group;
    if (!isOrphaned(own) && !(wantsTerminal && mayHaveIt)) return false;
    if (wantsTerminal && !mayHaveIt) return true;
    this.#handOver();
    this.#signalGroup(SIGCONT);
    return true;
  }

  /** The terminal, where it is ours, to the group that the command leads. */
  #handOver(): void {
    const own = standingOf('self');
    if (this.#group === undefined || this.#ended || own?.foreground !== own?.group) return;
    this.#hadTerminal = true;
    this.#setForeground(this.#group);
  }

  /** From the command, or from a group of the sandbox's that has ended without giving it back. */
  takeTerminalBack(): void {
    const own = standingOf('self');
    if (!this.#hadTerminal || own === undefined || own.foreground <= 0 || own.foreground === own.group)
      return;
    if (own.foreground === this.#group || isEmpty(own.foreground)) this.#setForeground(own.group);
  }

  #setForeground(group: number): void {
    try {
      const terminal = openSync('/dev/tty', 'r');
      this.#api.setForeground(terminal, group);
      closeSync(terminal);
    } catch {
      // It has gone, and so have its keys.
    }
  }

  end(): void {
    this.#ended = true;
  }
}
