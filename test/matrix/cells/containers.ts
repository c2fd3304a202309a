/**
 * Containers, by the real engines, in a machine of their own: nothing is pulled,
 * their image is another release's root. They have no network.
 */

import { join } from 'node:path';
import { type Cell, type Run } from '../cell.ts';
import { runMachine } from '../places/machine.ts';
import { type Release, RELEASES, releaseRoot } from '../roots/releases.ts';
import { tool } from '../tool.ts';

const HOST: Release = {
  ...RELEASES.trixie,
  packages: ['docker.io', 'docker-cli', 'podman', 'crun'],
};
const IMAGE = RELEASES.bullseye;
const PACK_LIMIT_MS = 120_000;

/** As docs/doctor.md has them. */
const NAMESPACES = '--security-opt seccomp=unconfined --security-opt apparmor=unconfined';
const PROC = '--security-opt systempaths=unconfined';
const TUN = '--device /dev/net/tun';
const DOCUMENTED = `${NAMESPACES} ${PROC} ${TUN}`;

/** A run of the suite in a container of the engine. */
function contained(engine: string, title: string, options: string, refused?: Run['refused']): Run {
  return {
    title,
    scope: 'links',
    ...(refused === undefined ? {} : { refused }),
    line: (smoke) =>
      `${engine} run --rm --network none -v "$MATRIX":"$MATRIX":ro -e PATH="$PATH" -w / ${options} image ${smoke}`,
  };
}

const AS_USER = '--user 1000:1000 -e HOME=/home/tester';
/** What a read-only container has to be given to write to. */
const SCRATCH = '--tmpfs /tmp --tmpfs /run --tmpfs /home/tester:mode=777';

const DOCKER: readonly Run[] = [
  contained('docker', 'no options', AS_USER, { any: 'USERNS_DENIED' }),
  contained('docker', 'namespaces allowed, /proc masked', `${AS_USER} ${NAMESPACES}`, { any: 'PROC_DENIED' }),
  contained('docker', 'the documented options, a user', `${AS_USER} ${DOCUMENTED}`),
  contained('docker', 'the documented options, root', DOCUMENTED),
  contained('docker', 'the same without --device', `${AS_USER} ${NAMESPACES} ${PROC}`, {
    tun: 'TUN_MISSING',
  }),
  contained('docker', 'the same with --read-only', `${AS_USER} ${DOCUMENTED} --read-only ${SCRATCH}`),
  contained('docker', '--privileged', '--privileged'),
];

const PODMAN: readonly Run[] = [
  contained('podman', 'no options', AS_USER, { any: 'PROC_DENIED' }),
  contained('podman', 'the documented options, a user', `${AS_USER} ${DOCUMENTED}`),
  contained('podman', 'the documented options, root', DOCUMENTED),
];

const CGROUPS = 'mount -t cgroup2 none /sys/fs/cgroup';

/** containerd by itself: dockerd gives one of its own 15 s, which an emulated processor may not keep. */
const START_DOCKER = `${CGROUPS}
mkdir -p /var/lib/docker && mount -t tmpfs -o size=2g none /var/lib/docker
containerd >/run/containerd.log 2>&1 &
until [ -S /run/containerd/containerd.sock ] || ! kill -0 $!; do sleep 0.2; done
dockerd --containerd=/run/containerd/containerd.sock --iptables=false --ip6tables=false --bridge=none \\
  --storage-driver=vfs >/run/dockerd.log 2>&1 &
until docker version >/dev/null 2>&1 || ! kill -0 $!; do sleep 0.2; done
docker import /matrix/image.tar image || cat /run/dockerd.log`;

const PODMAN_STORE = `mkdir -p /var/lib/containers && mount -t tmpfs -o size=2g none /var/lib/containers
mkdir -p /etc/containers
printf '[storage]\\ndriver="vfs"\\nrunroot="/run/containers/storage"\\ngraphroot="/var/lib/containers/storage"\\n' >/etc/containers/storage.conf
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json`;

const START_PODMAN = `${CGROUPS}\n${PODMAN_STORE}\npodman import /matrix/image.tar image`;

function cell(title: string, prepare: string, runs: readonly Run[]): Cell {
  return {
    section: 'Containers',
    title,
    runs,
    make: async (script) => {
      const { path: image } = await releaseRoot(IMAGE);
      return runMachine({
        release: HOST,
        prepare,
        script,
        memoryMiB: 6144,
        addTo: async (payload) => {
          const archive = join(payload, 'image.tar');
          const rest = ['--exclude=./kernel', '--exclude=./kernel.sh', '--exclude=./dev/*', '.'];
          await tool('tar', ['-C', image, '-cf', archive, ...rest], { limitMs: PACK_LIMIT_MS });
        },
      });
    },
  };
}

export const CONTAINER_CELLS: readonly Cell[] = [
  cell('Docker', START_DOCKER, DOCKER),
  cell('Podman, by root', START_PODMAN, PODMAN),
];
