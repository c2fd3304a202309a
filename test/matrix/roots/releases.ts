/**
 * Root file systems of Linux distributions with bubblewrap, what the smoke
 * suite calls, and the release's own kernel: what people who run that release
 * have. mmdebstrap makes them of the release's own packages, checked by its
 * signatures.
 *
 * Debian's mirror is mmdebstrap's own default; KNS_MATRIX_UBUNTU_MIRROR and
 * KNS_MATRIX_UBUNTU_KEYRING, of the package ubuntu-keyring, have Ubuntu's tried
 * as well.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cache.ts';
import { Missing, need, tool } from '../tool.ts';

export interface Release {
  readonly name: string;
  readonly title: string;
  readonly family: 'debian' | 'ubuntu';
  /** Packages beside those of every root. */
  readonly packages?: readonly string[];
}

const KERNELS = { debian: 'linux-image-amd64', ubuntu: 'linux-image-virtual' };
const PACKAGES = [
  'bubblewrap',
  'curl',
  'procps',
  'iproute2',
  'kmod',
  'libstdc++6',
  'passwd',
  'bsdutils',
  'hostname',
  'mount',
];
const KERNEL = join(import.meta.dirname, 'kernel.sh');
const LIMIT_MS = 600_000;

export const RELEASES = {
  focal: { name: 'focal', title: 'Ubuntu 20.04', family: 'ubuntu' },
  bullseye: { name: 'bullseye', title: 'Debian 11', family: 'debian' },
  jammy: { name: 'jammy', title: 'Ubuntu 22.04', family: 'ubuntu' },
  bookworm: { name: 'bookworm', title: 'Debian 12', family: 'debian' },
  noble: { name: 'noble', title: 'Ubuntu 24.04', family: 'ubuntu' },
  trixie: { name: 'trixie', title: 'Debian 13', family: 'debian' },
  sid: { name: 'sid', title: 'Debian unstable', family: 'debian' },
} as const satisfies Record<string, Release>;

function source({ name, family }: Release): string[] {
  if (family === 'debian') return [];
  const mirror = process.env['KNS_MATRIX_UBUNTU_MIRROR'];
  const keyring = process.env['KNS_MATRIX_UBUNTU_KEYRING'];
  if (mirror === undefined || keyring === undefined)
    throw new Missing('KNS_MATRIX_UBUNTU_MIRROR and KNS_MATRIX_UBUNTU_KEYRING are not set');
  return [`deb [signed-by=${keyring}] ${mirror} ${name} main universe`];
}

export interface Root {
  readonly path: string;
  /** Differs where anything of it does. */
  readonly name: string;
}

/** The root's directory, with the kernel as /kernel in it. */
export async function releaseRoot(release: Release): Promise<Root> {
  const { name, family, packages = [] } = release;
  const options = [
    '--mode=root',
    '--variant=apt',
    `--include=${[...PACKAGES, ...packages].join(',')}`,
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=APT::Sandbox::User "root"',
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-exclude=/usr/share/locale/*',
    `--customize-hook=copy-in ${KERNEL} /`,
    `--customize-hook=chroot "$1" sh /kernel.sh ${KERNELS[family]}`,
    '--customize-hook=chroot "$1" useradd --create-home --shell /bin/sh tester',
  ];
  const digest = createHash('sha256')
    .update(options.join('\n'))
    .update(readFileSync(KERNEL))
    .digest('hex')
    .slice(0, 8);
  const root = `${name}-${digest}`;
  const path = await cached(root, async (unfinished) => {
    need('mmdebstrap');
    if (process.getuid?.() !== 0)
      throw new Missing('mmdebstrap makes no root of another release without root');
    // It mounts this system's /proc and /dev into the root: they, and its processes, go with it however it ends.
    const apart = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
    const debstrap = ['mmdebstrap', ...options, name, unfinished, ...source(release)];
    await tool('unshare', [...apart, ...debstrap], { limitMs: LIMIT_MS });
  });
  return { path, name: root };
}
