/**
 * What of the host is hidden from the command, and why: one table, which
 * docs/sandbox.md repeats (a test holds them equal).
 *
 * The network namespace keeps packets in. A socket that is a path is no
 * matter of packets: whoever may open the path talks to who listens, outside.
 * Name service daemons are hidden always, since names are ours to answer. All
 * else is hidden when it is asked for (`--isolate`): programs may need it.
 */

import { readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';

export interface HiddenRow {
  readonly what: string;
  /** Absolute, `~/…`, or `$NAME` for a path or a unix: address in the environment; `*` ends a pattern. */
  readonly paths: readonly string[];
  /** Variables that lead there, which the command does not get. */
  readonly variables: readonly string[];
}

export const HIDDEN_ALWAYS: readonly HiddenRow[] = [
  {
    what: 'nscd, asked by the C library before any other',
    paths: ['/run/nscd', '/var/run/nscd'],
    variables: [],
  },
  { what: "systemd-resolved's own sockets", paths: ['/run/systemd/resolve'], variables: [] },
  {
    what: 'the system bus, by which systemd-resolved and Avahi answer too',
    paths: ['/run/dbus', '/var/run/dbus'],
    variables: [],
  },
  {
    what: 'mDNS: Avahi, mDNSResponder',
    paths: ['/run/avahi-daemon', '/var/run/avahi-daemon', '/run/mdnsd', '/var/run/mdnsd'],
    variables: [],
  },
];

export const HIDDEN_ISOLATED: readonly HiddenRow[] = [
  {
    what: 'runtime directories: session bus, Wayland, sound, keyrings, container engines, databases, systemd',
    paths: ['/run', '/var/run', '$XDG_RUNTIME_DIR'],
    variables: ['XDG_RUNTIME_DIR', 'WAYLAND_DISPLAY', 'PULSE_SERVER'],
  },
  {
    what: 'the session bus, where it is elsewhere',
    paths: ['$DBUS_SESSION_BUS_ADDRESS'],
    variables: ['DBUS_SESSION_BUS_ADDRESS'],
  },
  {
    what: 'container engines of the user',
    paths: [
      '$DOCKER_HOST',
      '$CONTAINER_HOST',
      '~/.docker/run',
      '~/.docker/desktop',
      '~/.colima',
      '~/.rd',
      '~/.orbstack/run',
    ],
    variables: ['DOCKER_HOST', 'CONTAINER_HOST'],
  },
  {
    what: 'LXD and Incus',
    paths: ['/var/lib/lxd/unix.socket', '/var/snap/lxd/common/lxd/unix.socket', '/var/lib/incus/unix.socket'],
    variables: [],
  },
  {
    what: 'SSH agents',
    paths: ['$SSH_AUTH_SOCK', '~/.ssh/agent', '~/.1password'],
    variables: ['SSH_AUTH_SOCK', 'SSH_AGENT_PID'],
  },
  { what: 'the GnuPG agent', paths: ['~/.gnupg/S.*'], variables: ['GPG_AGENT_INFO'] },
  {
    what: 'X11',
    paths: ['$XAUTHORITY', '~/.Xauthority'],
    variables: ['DISPLAY', 'XAUTHORITY', 'SESSION_MANAGER'],
  },
  {
    what: 'terminal multiplexers and editors',
    paths: ['~/.screen', '$VSCODE_IPC_HOOK_CLI'],
    variables: ['TMUX', 'TMUX_PANE', 'STY', 'VSCODE_IPC_HOOK_CLI'],
  },
  { what: 'sssd, which also knows the names of network users', paths: ['/var/lib/sss/pipes'], variables: [] },
  { what: "message queues of the host's", paths: ['/dev/mqueue'], variables: [] },
];

/** With `--isolate` these are empty and the command's own, for others leave sockets and shared memory there. */
export const PRIVATE_ISOLATED: readonly string[] = ['/tmp', '/dev/shm'];

/** Links of NixOS and Guix in /run by which every program is found: they stay. */
export const RUN_LINKS: readonly string[] = ['current-system', 'booted-system', 'opengl-driver'];

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Its name need not be text. */
  readonly cwd: Uint8Array;
}

/** The paths that a pattern of the table stands for; those that do not exist may be among them. */
export function expandPattern(pattern: string, { env, home }: Surroundings): string[] {
  if (pattern.startsWith('$')) {
    // unix:///run/docker.sock (Docker), unix:path=/run/user/1000/bus,guid=… (D-Bus)
    const [address = ''] = (env[pattern.slice(1)] ?? '').split(/[,;]/);
    const file = address.replace(/^unix:(\/\/|path=)?/, '');
    return isAbsolute(file) ? [file] : [];
  }
  const full = pattern.startsWith('~/') ? join(home, pattern.slice(2)) : pattern;
  return full.endsWith('*') ? namesWith(full.slice(0, -1)) : [full];
}

function namesWith(prefix: string): string[] {
  const folder = dirname(prefix);
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(basename(prefix)))
      .map((name) => join(folder, name));
  } catch {
    return []; // it is not there, or not to be read by the command either
  }
}
