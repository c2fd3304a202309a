/** Systems that lack something, or forbid it. */

import { type Cell, type Run, USER } from '../cell.ts';
import { type MachineOptions, runMachine } from '../places/machine.ts';
import { RELEASES } from '../roots/releases.ts';

interface Setting extends Pick<MachineOptions, 'release' | 'prepare' | 'kernelWords'> {
  readonly title: string;
  readonly refused?: Run['refused'];
}

const { bullseye, trixie, noble } = RELEASES;

/** What the doctor prints where AppArmor denies, as a distribution's package would bring it. */
const PROFILE = `printf '%s\\n' 'abi <abi/4.0>,' 'include <tunables/global>' \\
  'profile kns-rootless-bwrap /usr/bin/bwrap flags=(unconfined) {' '  userns,' '}' >/etc/apparmor.d/kns-rootless-bwrap
apparmor_parser -r /etc/apparmor.d/kns-rootless-bwrap`;
const RESTRICTED = 'echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns';

const SETTINGS: readonly Setting[] = [
  { title: 'control groups v2', release: trixie, prepare: 'mount -t cgroup2 none /sys/fs/cgroup' },
  {
    title: 'control groups v1',
    release: bullseye,
    prepare: `mount -t tmpfs none /sys/fs/cgroup
for each in pids freezer devices; do mkdir /sys/fs/cgroup/$each; mount -t cgroup -o $each none /sys/fs/cgroup/$each; done`,
  },
  { title: 'no IPv6 in the kernel', release: trixie, kernelWords: 'ipv6.disable=1' },
  {
    title: 'no tun driver',
    release: trixie,
    prepare: 'rmmod tun; rm -f /dev/net/tun',
    refused: { tun: 'TUN_MISSING' },
  },
  {
    title: '/dev/net/tun closed to users',
    release: trixie,
    prepare: 'chmod 600 /dev/net/tun',
    refused: { tun: 'TUN_DENIED' },
  },
  { title: '/proc with hidepid=2', release: trixie, prepare: 'mount -o remount,hidepid=2 /proc' },
  {
    title: 'user.max_user_namespaces=0',
    release: trixie,
    prepare: 'echo 0 >/proc/sys/user/max_user_namespaces',
    refused: { any: 'USERNS_DENIED' },
  },
  {
    title: 'kernel.unprivileged_userns_clone=0',
    release: bullseye,
    prepare: 'echo 0 >/proc/sys/kernel/unprivileged_userns_clone',
    refused: { any: 'USERNS_DENIED' },
  },
  {
    title: 'kernel.apparmor_restrict_unprivileged_userns=1',
    release: noble,
    prepare: RESTRICTED,
    refused: { any: 'USERNS_DENIED' },
  },
  {
    title: "the same, with the doctor's profile",
    release: { ...noble, packages: ['apparmor'] },
    prepare: `${RESTRICTED}\n${PROFILE}`,
  },
];

export const SETTING_CELLS: readonly Cell[] = SETTINGS.map(({ title, refused, ...machine }) => ({
  section: 'Settings',
  title: `${title} (${machine.release.title})`,
  runs: [{ ...USER, scope: 'links', ...(refused === undefined ? {} : { refused }) }],
  make: (script) => runMachine({ ...machine, script }),
}));
