/**
 * The conversation with kns-netns, which works from inside the sandbox's
 * namespaces and hands out fds: the interface, our own /etc, sockets of the
 * sandbox's network. One request at a time, most of them answered by one fd;
 * it stays for as long as the sandbox does.
 */

import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { Channel, ChannelClosed } from './channel.ts';
import { SandboxError } from './errors.ts';
import type { Message, Native } from './native/addon.ts';
import { Child } from './process/child.ts';

/** The helper's end of the channel, once it runs. */
const CONTROL_FD = 3;

/** It ends within a millisecond. */
const END_TIMEOUT_MS = 5_000;

/** The helper is gone, or was never there, without a word on the channel. */
export class HelperGone extends Error {
  override readonly name = 'HelperGone';
}

/** A sandbox that was on its way out as it was entered: bubblewrap's own words tell more. */
export class NamespaceGone extends Error {
  override readonly name = 'NamespaceGone';
}

/** A system call of the helper's failed. */
export class HelperRefused extends Error {
  override readonly name = 'HelperRefused';
  readonly errno: number;
  readonly call: string;

  constructor(errno: number, call: string) {
    super(`${call}: ${errnoText(errno)}`);
    this.errno = errno;
    this.call = call;
  }
}

function errnoText(errno: number): string {
  const entry = getSystemErrorMap().get(-errno);
  return entry ? `${entry[1]} (${entry[0]})` : `errno ${errno}`;
}

/** What a failure means that comes while the sandbox is made. */
export function explainRefusal(error: unknown): unknown {
  if (!(error instanceof HelperRefused)) return error;
  const { ENOENT, ESRCH } = constants.errno;
  if (error.call === 'open namespace' && (error.errno === ENOENT || error.errno === ESRCH))
    return new NamespaceGone(error.call);
  return new SandboxError(
    'NETNS_FAILED',
    `the sandbox's network could not be made: ${error.message}`,
    'check that the kernel is 5.4 or later and that no security policy forbids this call in a user namespace',
  );
}

/** What the sandbox goes without where the helper could not have it. */
const NOTES: Readonly<Record<string, string>> = {
  ipv6: 'no IPv6 in the sandbox',
  ping_group_range: 'no ping without privilege in the sandbox',
  ip_unprivileged_port_start: 'no ports below 1024 for the command',
  max_cgroup_namespaces: 'control groups that the command may mount anew, and write as its caller may',
  sysfs: 'an empty /sys/class/net in the sandbox',
  sysfs_read_only: 'parts of /sys that the command may write as its caller may',
  sysctl_read_only: 'a /proc/sys that the command may write as root may',
};

/** The answer has come, and there was no room for its fds in this process (unix(7), MSG_CTRUNC). */
function isLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EMSGSIZE';
}

function note(text: string): string {
  const [name = '', errno] = text.split(':');
  return `${NOTES[name] ?? name}: ${name}: ${errnoText(Number(errno))}`;
}

/** What a request brought. */
export interface Answer {
  readonly fd: number;
  /** Those beside it, where several were asked for. */
  readonly more: readonly number[];
  /** What the helper says of it, by name. */
  readonly facts: ReadonlyMap<string, string>;
}

/** Paths, each of a file that something is laid over. */
export interface FilesToLay {
  readonly covered: readonly string[];
  readonly copied: readonly string[];
}

export class NetnsHelper {
  /** What could not be had, one line each. */
  readonly notes: string[] = [];
  readonly #channel: Channel;
  readonly #ended: Promise<string>;
  readonly #kill: () => void;
  /** Settles when the request that came last has been answered. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(channel: Channel, ended: Promise<string>, kill: () => void) {
    this.#channel = channel;
    this.#ended = ended;
    this.#kill = kill;
  }

  static start(native: Native): NetnsHelper {
    const channel = new Channel(native.api);
    // Its end, or that it never ran, shows on the channel first.
    const child = new Child(native.netns, [String(CONTROL_FD)], {
      stdio: ['ignore', 'ignore', 'ignore', channel.peer],
    });
    const ended = child.ended.then(
      ({ failure, signal, exitCode }) => failure ?? signal ?? `exit status ${exitCode}`,
    );
    channel.closePeer();
    return new NetnsHelper(channel, ended, () => child.kill());
  }

  /**
   * Covers these special files, lays copies over those that are to be the command's own, mounts /etc and /sys, and
   * denies the command cgroup namespaces; user namespaces if asked to.
   *
   * @returns the fd of the directory of our own files
   */
  async files(
    { covered, copied }: FilesToLay,
    denyNamespaces: boolean,
    signal: AbortSignal,
  ): Promise<number> {
    try {
      for (const path of covered) await this.#ask(`cover ${path}`, signal);
      for (const path of copied) await this.#copy(path, signal);
      return (await this.request(denyNamespaces ? 'files deny-namespaces' : 'files', signal)).fd;
    } catch (error) {
      throw explainRefusal(error);
    }
  }

  /** What does without, is told of. */
  async #copy(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask(`copy ${path}`, signal);
    } catch (error) {
      if (!(error instanceof HelperRefused)) throw error;
      this.notes.push(`no ${path} of the command's own: ${error.message}`);
    }
  }

  /** What netns.h lists, and is answered by an fd. @throws HelperRefused, HelperGone, the signal's reason */
  async request(request: string, signal: AbortSignal): Promise<Answer> {
    const { answer, fds } = await this.#ask(request, signal);
    const [fd, ...more] = fds;
    if (fd === undefined) throw new Error(`kns-netns answered "${answer}" without an fd`);
    const words = answer.split(' ').slice(1);
    this.notes.push(...words.filter((word) => word.includes(':')).map(note));
    const facts = words.filter((word) => word.includes('=')).map((word) => word.split('='));
    return { fd, more, facts: new Map(facts.map(([name = '', value = '']) => [name, value])) };
  }

  async #ask(request: string, signal: AbortSignal): Promise<{ answer: string; fds: readonly number[] }> {
    const turn = this.#turn.then(() => this.#exchange(request, signal));
    this.#turn = turn.catch(() => {});
    const { bytes, fds } = await turn;
    const answer = Buffer.from(bytes).toString();
    const failure = /^error (\d+) (.*)$/s.exec(answer);
    if (failure) throw new HelperRefused(Number(failure[1]), failure[2] ?? '');
    return { answer, fds };
  }

  async #exchange(request: string, signal: AbortSignal): Promise<Message> {
    signal.throwIfAborted();
    try {
      this.#channel.send(request);
      return await this.#channel.receive(signal);
    } catch (error) {
      if (isLost(error)) throw new Error('no more files can be opened (ulimit -n)', { cause: error });
      // What was asked is still to be answered: the next request would take that answer for its own.
      this.#channel.close();
      if (error instanceof ChannelClosed) throw new HelperGone(`kns-netns: ${await this.#ended}`);
      throw error;
    }
  }

  /** The helper ends as it sees its channel closed, unless it is stopped. */
  async close(): Promise<void> {
    await this.#turn;
    this.#channel.close();
    const timer = setTimeout(this.#kill, END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
