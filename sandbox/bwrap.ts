/** bubblewrap: where it is, how it is called, and what its complaints mean. */

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { SandboxError } from './errors.ts';

const INSTALL =
  'install bubblewrap: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), apk add bubblewrap (Alpine)';

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const S_ISUID = 0o4000;

/**
 * Some systems of the time before user namespaces were for everyone install
 * bubblewrap set-uid root. The namespaces it makes belong to root then, and
 * nobody else may enter them to give them a network.
 */
function withoutSetuid(file: string): string {
  const { mode, uid } = statSync(file);
  if ((mode & S_ISUID) === 0 || uid === process.getuid?.()) return file;
  throw new SandboxError(
    'BWRAP_SETUID',
    `${file} is set-uid, and the sandbox has to be made without privilege`,
    `let user namespaces do it; as root: sysctl -w kernel.unprivileged_userns_clone=1; chmod u-s ${file}`,
  );
}

/** The absolute path of `bwrap` in our own PATH, whatever PATH the command will have. */
export function findBwrap(searchPath = process.env['PATH'] ?? ''): string {
  // A relative entry would run whatever lies in the working directory.
  for (const directory of searchPath.split(':').filter((entry) => path.isAbsolute(entry))) {
    const file = path.join(directory, 'bwrap');
    if (isExecutable(file)) return withoutSetuid(file);
  }
  throw new SandboxError('BWRAP_MISSING', 'bubblewrap (bwrap) was not found in PATH', INSTALL);
}

/** The pid of bubblewrap's child, in what it writes to its info-fd so far. */
export function parseChildPid(info: string): number | undefined {
  const match = /"child-pid"\s*:\s*(\d+)\s*[,}]/.exec(info);
  return match ? Number(match[1]) : undefined;
}

function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** What each switch that forbids user namespaces wants done; the first that is set is named. */
function userNamespaceRemedy(): string {
  if (sysctl('user/max_user_namespaces') === '0')
    return 'allow them: sysctl -w user.max_user_namespaces=10000';
  if (sysctl('kernel/unprivileged_userns_clone') === '0')
    return 'allow them: sysctl -w kernel.unprivileged_userns_clone=1';
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'allow bwrap an AppArmor profile with `userns,`, or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  return 'in a container, start it with --security-opt seccomp=unconfined or a profile that allows user namespaces';
}

/**
 * Each of these is the kernel, or a security module, that denies the namespace
 * or the rights within it. AppArmor lets the namespace be made and denies what
 * comes next: the id maps, or the loopback interface.
 */
const DENIALS = [
  /No permissions to creat/i,
  /Creating new namespace failed/,
  /setting up [ug]id map: (Permission denied|Operation not permitted)/,
  /loopback: .*(Permission denied|Operation not permitted)/,
  /user namespaces? (is|are) not/i,
];

/** A container hides parts of /proc from its processes, and the kernel then lets nobody mount a whole one. */
const MASKED_PROC = /Can't mount proc .*(Permission denied|Operation not permitted)/;

/**
 * A mount of the host's went away while bubblewrap was copying them, as those
 * of containers do all the time. It binds all, and then looks at each by name.
 */
const MOUNT_RACE = /Unable to (apply mount flags|remount).*(No such file or directory|Invalid argument)/;

export function isMountRace(stderr: string): boolean {
  return MOUNT_RACE.test(stderr);
}

/** What bubblewrap's last words say, as an error that tells what to do. */
export function explainBwrap(stderr: string, exitCode: number | undefined): SandboxError {
  const line =
    stderr
      .trim()
      .split('\n')
      .findLast((line) => line !== '') ?? `exit status ${exitCode ?? 'unknown'}`;
  if (DENIALS.some((denial) => denial.test(line)))
    return new SandboxError(
      'USERNS_DENIED',
      `user namespaces are not permitted here (${line})`,
      userNamespaceRemedy(),
    );
  if (MASKED_PROC.test(line))
    return new SandboxError(
      'PROC_DENIED',
      `a new /proc can't be mounted here (${line})`,
      'a container that hides parts of its /proc is in the way: start it with --security-opt systempaths=unconfined (Docker, Podman) or procMount: Unmasked (Kubernetes)',
    );
  return new SandboxError('BWRAP_FAILED', `bubblewrap could not set the sandbox up (${line})`, TRIAL);
}

const TRIAL = 'try: bwrap --unshare-user --unshare-net --unshare-pid --dev-bind / / --proc /proc true';
