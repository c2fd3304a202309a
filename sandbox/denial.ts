/**
 * Who forbids user namespaces here.
 *
 *     user.max_user_namespaces, and those of the other kinds: 0, or used up: ENOSPC
 *     kernel.unprivileged_userns_clone       Debian's own switch: EPERM
 *     AppArmor (Ubuntu 23.10 and later)      lets the namespace be made, and denies the rights in it:
 *                                            the id maps, or the loopback interface
 *     root without CAP_SETFCAP               (a container that drops all): may not map its own id, EPERM
 *     a container: by a seccomp filter, EPERM, or an AppArmor profile that denies mounts
 *     a service, by a seccomp filter: EPERM
 *
 * bubblewrap's words and the switches are looked at together: a switch that
 * stands on "forbidden" is the cause, whatever else there is.
 */

import { containerKind, containerRemedy, HERE, isFiltered, type Surroundings } from './container.ts';

export interface Denial {
  /** What stands in the way, as a fragment. */
  readonly cause: string;
  readonly remedy: string;
  /** It is AppArmor, which a profile for bubblewrap would satisfy. */
  readonly wantsProfile?: true;
}

/** Of namespaces, those that a sandbox is made of (namespaces(7)). */
const KINDS = ['user', 'net', 'pid', 'ipc', 'mnt'];

const UNRESTRICT = 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';

const PROFILE = '/etc/apparmor.d/kns-rootless-bwrap';

/** Of capabilities(7), by its number. */
const CAP_SETFCAP = 31n;

function isRootWithoutSetfcap({ read }: Surroundings): boolean {
  const status = read('/proc/self/status');
  const [, effective] = /^CapEff:\s*([\da-f]+)$/m.exec(status) ?? [];
  if (effective === undefined || !/^Uid:\s*\d+\s+0\s/m.test(status)) return false;
  return ((BigInt(`0x${effective}`) >> CAP_SETFCAP) & 1n) === 0n;
}

/** @param complaint bubblewrap's last words */
export function userNamespaceDenial(complaint: string, around: Surroundings = HERE): Denial {
  const sysctl = (name: string) => around.read(`/proc/sys/${name}`).trim();
  const none = KINDS.find((kind) => sysctl(`user/max_${kind}_namespaces`) === '0');
  if (none !== undefined) {
    const name = `user.max_${none}_namespaces`;
    return {
      cause: `the kernel setting ${name} is 0`,
      remedy: `allow them, as root: sysctl -w ${name}=10000`,
    };
  }
  if (sysctl('kernel/unprivileged_userns_clone') === '0') {
    return {
      cause: 'the kernel setting kernel.unprivileged_userns_clone is 0',
      remedy: 'allow them, as root: sysctl -w kernel.unprivileged_userns_clone=1',
    };
  }
  if (/ENOSPC|No space left/.test(complaint)) {
    return {
      cause:
        'as many namespaces as the settings user.max_*_namespaces allow are in use, here or in a namespace around',
      remedy:
        'end other sandboxes, or allow more, as root outside of any container: sysctl user | grep namespaces',
    };
  }
  if (/uid map: Operation not permitted/.test(complaint) && isRootWithoutSetfcap(around)) {
    return {
      cause: 'root without the capability CAP_SETFCAP may not have its own id in them (user_namespaces(7))',
      remedy:
        'run it as another user than root, or give root the capability: docker run --cap-add SETFCAP, or capabilities.add: [SETFCAP] in the securityContext of a pod',
    };
  }
  // A container sees its host's switch, and can't load a profile.
  const isRestricted = sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1';
  const kind = containerKind(around);
  if (kind !== undefined) {
    return {
      cause: isFiltered(around) ? "the container's seccomp filter" : "the container's security settings",
      remedy: `${containerRemedy(kind, 'namespaces')}${isRestricted ? `; and on its host, as root: ${UNRESTRICT}` : ''}`,
    };
  }
  if (isRestricted) {
    return {
      cause:
        'AppArmor allows them to programs with a profile alone (kernel.apparmor_restrict_unprivileged_userns is 1)',
      remedy: `give bwrap a profile, as root, in ${PROFILE} (kns-rootless doctor prints it), or: ${UNRESTRICT}`,
      wantsProfile: true,
    };
  }
  if (isFiltered(around)) {
    return {
      cause: 'a seccomp filter on this process (Seccomp: 2 in /proc/self/status)',
      remedy:
        'run it outside of the service or tool that sets the filter, or have that allow namespaces (systemd: RestrictNamespaces=no)',
    };
  }
  return {
    cause: 'a security policy that names no switch',
    remedy: 'see what the kernel log says of it: dmesg, or journalctl -k',
  };
}

/**
 * The commands by which AppArmor is told that this bubblewrap may make user
 * namespaces (apparmor.d(5), "userns"). Any line may be indented.
 */
export function appArmorProfile(bwrap: string): readonly string[] {
  return [
    "printf '%s\\n' 'abi <abi/4.0>,' 'include <tunables/global>' \\",
    `  'profile kns-rootless-bwrap ${bwrap} flags=(unconfined) {' '  userns,' '}' |`,
    `  sudo tee ${PROFILE}`,
    `sudo apparmor_parser -r ${PROFILE}`,
  ];
}
