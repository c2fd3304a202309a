/**
 * Whether we run in a container, whose, and what it takes away.
 *
 * Nothing says so for certain. Each runtime leaves a mark: a file, a variable,
 * or the name of its cgroup, which cgroup namespaces hide. A seccomp filter on
 * ourselves is a fact (proc(5), Seccomp), whoever has put it there.
 */

import { existsSync, readFileSync } from 'node:fs';

export type ContainerKind = 'docker' | 'podman' | 'kubernetes' | 'unknown';

/** Where the marks are looked for; tests have their own. */
export interface Surroundings {
  readonly exists: (file: string) => boolean;
  /** @returns '' where it can't be read */
  readonly read: (file: string) => string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const HERE: Surroundings = {
  exists: existsSync,
  read: (file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  },
  env: process.env,
};

/** A pod's runtime may leave a mark of its own as well, so Kubernetes comes first. */
export function containerKind({ exists, read, env }: Surroundings = HERE): ContainerKind | undefined {
  const cgroup = read('/proc/self/cgroup');
  if (env['KUBERNETES_SERVICE_HOST'] || /kubepods/.test(cgroup)) return 'kubernetes';
  if (env['container'] === 'podman' || exists('/run/.containerenv') || /libpod/.test(cgroup)) return 'podman';
  if (exists('/.dockerenv') || /docker/.test(cgroup)) return 'docker';
  return env['container'] || /lxc|containerd|crio/.test(cgroup) ? 'unknown' : undefined;
}

/** A filter decides over our system calls. */
export function isFiltered({ read }: Surroundings = HERE): boolean {
  return /^Seccomp:\s*2$/m.test(read('/proc/self/status'));
}

/** What a container has to be given. */
export type Lacking = 'namespaces' | 'proc' | 'tun';

const SECURITY_OPTIONS: Readonly<Record<Lacking, string>> = {
  namespaces: '--security-opt seccomp=unconfined --security-opt apparmor=unconfined',
  proc: '--security-opt systempaths=unconfined',
  tun: '--device /dev/net/tun',
};

const POD_SETTINGS: Readonly<Record<Lacking, string>> = {
  namespaces:
    'set securityContext.seccompProfile.type: Unconfined (and appArmorProfile.type: Unconfined) in the pod',
  proc: 'set securityContext.procMount: Unmasked in the container, with hostUsers: false in the pod',
  tun: 'mount the host path /dev/net/tun (type CharDevice) into the container, or have a device plugin give it',
};

/** How the container is to be started. */
export function containerRemedy(kind: ContainerKind, lacking: Lacking): string {
  if (kind === 'kubernetes') return POD_SETTINGS[lacking];
  const program = kind === 'unknown' ? 'docker or podman' : kind;
  return `start the container with: ${program} run ${SECURITY_OPTIONS[lacking]} …`;
}
