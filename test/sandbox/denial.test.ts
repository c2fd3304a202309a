/** Who forbids user namespaces, by the marks that each leaves; and what a container is to be given. */

import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { containerKind, containerRemedy, type Surroundings } from '../../sandbox/container.ts';
import { appArmorProfile, userNamespaceDenial } from '../../sandbox/denial.ts';

const EPERM = 'bwrap: No permissions to create new namespace';

function around(files: Record<string, string>, env: Record<string, string> = {}): Surroundings {
  return { exists: (file) => file in files, read: (file) => files[file] ?? '', env };
}

const FILTERED = { '/proc/self/status': 'NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n' };
const RESTRICTED = { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' };

describe('a switch is named by its own name:', () => {
  test.each([
    ['user/max_user_namespaces', '0\n', /user\.max_user_namespaces=10000/],
    ['user/max_net_namespaces', '0\n', /user\.max_net_namespaces=10000/],
    ['kernel/unprivileged_userns_clone', '0\n', /kernel\.unprivileged_userns_clone=1/],
    [
      'kernel/apparmor_restrict_unprivileged_userns',
      '1\n',
      /kernel\.apparmor_restrict_unprivileged_userns=0/,
    ],
  ])('%s', (name, value, remedy) => {
    // In a container with a filter too: what is set here is the cause.
    const { cause, remedy: told } = userNamespaceDenial(
      EPERM,
      around({ ...FILTERED, [`/proc/sys/${name}`]: value }),
    );
    expect(cause).toContain(name.split('/')[1]);
    expect(told).toMatch(remedy);
  });

  test('one that is used up, by the error', () => {
    const full = userNamespaceDenial('bwrap: … exceeded (ENOSPC)', around({ ...RESTRICTED }));
    expect(full.cause).toContain('in use');
  });
});

describe('a container', () => {
  test.each([
    ['docker', { '/.dockerenv': '' }, {}, /docker run --security-opt seccomp=unconfined/],
    ['docker', { '/proc/self/cgroup': '4:memory:/docker/8d64d1\n' }, {}, /docker run/],
    ['podman', { '/run/.containerenv': '' }, {}, /podman run --security-opt seccomp=unconfined/],
    ['podman', {}, { container: 'podman' }, /podman run/],
    [
      'kubernetes',
      { '/.dockerenv': '' },
      { KUBERNETES_SERVICE_HOST: '10.96.0.1' },
      /seccompProfile\.type: Unconfined/,
    ],
    ['kubernetes', { '/proc/self/cgroup': '0::/kubepods.slice/pod1\n' }, {}, /seccompProfile/],
    ['unknown', { '/proc/self/cgroup': '1:cpu:/lxc/one\n' }, {}, /docker or podman run/],
  ] as const)('%s by %j %j', (kind, files, env, remedy) => {
    const here = around({ ...FILTERED, ...files }, { ...env });
    expect(containerKind(here)).toBe(kind);
    expect(userNamespaceDenial(EPERM, here)).toMatchObject({
      cause: "the container's seccomp filter",
      remedy: expect.stringMatching(remedy),
    });
  });

  test('is given what it lacks, and no more', () => {
    expect(containerRemedy('podman', 'tun')).toBe(
      'start the container with: podman run --device /dev/net/tun …',
    );
    expect(containerRemedy('docker', 'proc')).toContain('systempaths=unconfined');
    expect(containerRemedy('kubernetes', 'proc')).toContain('procMount: Unmasked');
  });
});

const REFUSED = 'bwrap: setting up uid map: Operation not permitted';
const pod = (uid: number, capabilities: string) =>
  around({
    '/proc/self/status': `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\nSeccomp:\t2\n`,
    '/proc/self/cgroup': '0::/kubepods.slice/pod1\n',
  });

describe('root that may not map its own id', () => {
  test('lacks CAP_SETFCAP, which docker gives, and a pod that drops all does not', () => {
    const { cause, remedy } = userNamespaceDenial(REFUSED, pod(0, '0000000000000000'));
    expect(cause).toContain('CAP_SETFCAP');
    expect(remedy).toContain('another user than root');
  });

  test.each([
    [REFUSED, 1000, '0000000000000000'],
    [REFUSED, 0, '00000000a80425fb'],
    [EPERM, 0, '0000000000000000'],
  ])('or something else does: %s, uid %i, %s', (complaint, uid, capabilities) => {
    expect(userNamespaceDenial(complaint, pod(uid, capabilities)).cause).toContain('seccomp filter');
  });
});

test('a container sees the AppArmor switch of its host, where it is to be set', () => {
  const { remedy, wantsProfile } = userNamespaceDenial(EPERM, around({ ...RESTRICTED, '/.dockerenv': '' }));
  expect(remedy).toMatch(
    /^start the container with: docker run .*; and on its host, as root: sysctl -w kernel\.apparmor/,
  );
  expect(wantsProfile).toBeUndefined();
});

test('without a container, a filter may be that of a service; without either, the kernel log may know', () => {
  expect(userNamespaceDenial(EPERM, around(FILTERED)).remedy).toContain('RestrictNamespaces');
  expect(containerKind(around({}))).toBeUndefined();
  expect(userNamespaceDenial(EPERM, around({})).remedy).toContain('dmesg');
});

test('the profile for AppArmor is written by its commands as they stand, indented too', () => {
  const [print, ...rest] = appArmorProfile('/usr/bin/bwrap').map((line) => `    ${line}`);
  const upToPipe = [print, ...rest].join('\n').split('|')[0];
  expect(execFileSync('sh', ['-c', upToPipe ?? ''], { encoding: 'utf8' })).toBe(
    `abi <abi/4.0>,
include <tunables/global>
profile kns-rootless-bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
}
`,
  );
  expect(
    userNamespaceDenial('bwrap: setting up uid map: Permission denied', around(RESTRICTED)),
  ).toMatchObject({
    wantsProfile: true,
  });
});
