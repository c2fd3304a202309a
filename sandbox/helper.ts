/**
 * The conversation with kns-netns: it makes the network interface and our own
 * /etc from inside the sandbox's namespaces, and hands out their fds.
 */

import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { execa } from 'execa';
import { Channel, ChannelClosed, inherited } from './channel.ts';
import { SandboxError } from './errors.ts';
import type { Message, Native } from './native/addon.ts';

/** One family's part of the interface: its own address, with everything else behind the gateway. */
export interface LinkAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** The interface kns0 of the sandbox. */
export interface LinkOptions extends LinkAddress {
  /** Where the kernel has no IPv6 the sandbox has none, and a note says so. Its least MTU is 1,280 (RFC 8200, 5). */
  readonly ipv6?: LinkAddress;
  readonly mtu: number;
}

/** The helper's end of the channel, once it runs. */
const CONTROL_FD = 3;

/** The helper is gone, or was never there, without a word on the channel. */
export class HelperGone extends Error {
  override readonly name = 'HelperGone';
}

/** A sandbox that was on its way out as it was entered: bubblewrap's own words tell more. */
export class NamespaceGone extends Error {
  override readonly name = 'NamespaceGone';
}

function errnoText(errno: number): string {
  const entry = getSystemErrorMap().get(-errno);
  return entry ? `${entry[1]} (${entry[0]})` : `errno ${errno}`;
}

function explainTun(errno: number): SandboxError | undefined {
  const { EACCES, EPERM, ENOENT, ENODEV, ENXIO } = constants.errno;
  if (errno === ENOENT || errno === ENODEV || errno === ENXIO)
    return new SandboxError(
      'TUN_MISSING',
      'there is no /dev/net/tun',
      'load the driver as root: modprobe tun (in a container: start it with --device /dev/net/tun)',
    );
  if (errno === EACCES || errno === EPERM)
    return new SandboxError(
      'TUN_DENIED',
      '/dev/net/tun may not be opened by this user',
      'let every user open it, as distributions do; as root: chmod 0666 /dev/net/tun',
    );
  return undefined;
}

function explain(errno: number, call: string): Error {
  const { ENOENT, ESRCH } = constants.errno;
  if (call === 'open namespace' && (errno === ENOENT || errno === ESRCH)) return new NamespaceGone(call);
  const tun = call === 'open /dev/net/tun' ? explainTun(errno) : undefined;
  return (
    tun ??
    new SandboxError(
      'NETNS_FAILED',
      `the sandbox's network could not be made: ${call}: ${errnoText(errno)}`,
      'check that the kernel is 5.4 or later and that no security policy forbids this call in a user namespace',
    )
  );
}

/** What the sandbox goes without where the helper could not have it. */
const NOTES: Readonly<Record<string, string>> = {
  ipv6: 'no IPv6 in the sandbox',
  ping_group_range: 'no ping without privilege in the sandbox',
  ip_unprivileged_port_start: 'no ports below 1024 for the command',
  sysfs: 'an empty /sys/class/net in the sandbox',
};

function note(text: string): string {
  const [name = '', errno] = text.split(':');
  return `${NOTES[name] ?? name}: ${name}: ${errnoText(Number(errno))}`;
}

function linkRequest(pid: number, { ipv6, mtu, ...ipv4 }: LinkOptions): string {
  const addresses = (ipv6 === undefined ? [ipv4] : [ipv4, ipv6]).map(
    ({ address, prefixLength, gateway }) => `${address}/${prefixLength} ${gateway}`,
  );
  return ['link', pid, mtu, ...addresses].join(' ');
}

export class NetnsHelper {
  readonly #channel: Channel;
  /** What could not be had, one line each. */
  notes: string[] = [];

  readonly #ended: Promise<string>;

  private constructor(channel: Channel, ended: Promise<string>) {
    this.#channel = channel;
    this.#ended = ended;
  }

  static start(native: Native): NetnsHelper {
    const channel = new Channel(native.api);
    // Its end, or that it never ran, shows on the channel first.
    const ended = execa(native.netns, [String(CONTROL_FD)], {
      stdio: ['ignore', 'ignore', 'ignore', inherited(channel.peer)],
      cwd: '/',
      buffer: false,
      cleanup: false,
      reject: false,
    }).then(
      ({ originalMessage, signal, exitCode }) => originalMessage ?? signal ?? `exit status ${exitCode}`,
    );
    channel.closePeer();
    return new NetnsHelper(channel, ended);
  }

  /** Makes the interface in the namespaces of `pid`. @returns the fd of the tun device */
  link(pid: number, options: LinkOptions, signal: AbortSignal): Promise<number> {
    return this.#request(linkRequest(pid, options), signal);
  }

  /** Mounts /etc and /sys. @returns the fd of the directory of our own files */
  files(signal: AbortSignal): Promise<number> {
    return this.#request('files', signal);
  }

  async #request(request: string, signal: AbortSignal): Promise<number> {
    const { bytes, fds } = await this.#exchange(request, signal);
    const answer = Buffer.from(bytes).toString();
    const [fd, ...surplus] = fds;
    for (const extra of surplus) closeSync(extra);
    const failure = /^error (\d+) (.*)$/s.exec(answer);
    if (failure) throw explain(Number(failure[1]), failure[2] ?? '');
    if (fd === undefined) throw new Error(`kns-netns answered "${answer}" without an fd`);
    this.notes.push(...answer.split(' ').slice(1).map(note));
    return fd;
  }

  async #exchange(request: string, signal: AbortSignal): Promise<Message> {
    try {
      this.#channel.send(request);
      return await this.#channel.receive(signal);
    } catch (error) {
      if (error instanceof ChannelClosed) throw new HelperGone(`kns-netns: ${await this.#ended}`);
      throw error;
    }
  }

  /** The helper ends as it sees its channel closed. */
  close(): void {
    this.#channel.close();
  }
}
