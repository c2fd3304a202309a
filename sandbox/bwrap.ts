/** bubblewrap: where it is, how it is called, and what its complaints mean. */

import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { containerKind, containerRemedy } from './container.ts';
import { userNamespaceDenial } from './denial.ts';
import { SandboxError } from './errors.ts';
import { noRoom, spawnFailed } from './process/setup.ts';

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
  for (const directory of searchPath.split(':').filter((entry) => isAbsolute(entry))) {
    const file = join(directory, 'bwrap');
    if (isExecutable(file)) return withoutSetuid(file);
  }
  throw new SandboxError('BWRAP_MISSING', 'bubblewrap (bwrap) was not found in PATH', INSTALL);
}

/** The pid of bubblewrap's child, in what it writes to its info-fd so far. */
export function parseChildPid(info: string): number | undefined {
  const match = /"child-pid"\s*:\s*(\d+)\s*[,}]/.exec(info);
  return match ? Number(match[1]) : undefined;
}

/**
 * Each of these is the kernel, or a security module, that denies the namespace
 * or the rights within it. AppArmor lets the namespace be made and denies what
 * comes next: the id maps, or the loopback interface. The profile that Docker
 * gives its containers denies all mounts, the first of which makes / a slave.
 */
const DENIALS = [
  /No permissions to creat/i,
  /Creating new namespace failed/,
  /setting up [ug]id map: (Permission denied|Operation not permitted)/,
  /loopback: .*(Permission denied|Operation not permitted)/,
  /Failed to make \/ slave: (Permission denied|Operation not permitted)/,
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
  const shortage = noRoom(line);
  if (shortage !== undefined) return spawnFailed(`${shortage}: ${line}`);
  if (DENIALS.some((denial) => denial.test(line))) {
    const { cause, remedy } = userNamespaceDenial(line);
    return new SandboxError(
      'USERNS_DENIED',
      `user namespaces are not permitted here: ${cause} (${line})`,
      remedy,
    );
  }
  if (MASKED_PROC.test(line))
    return new SandboxError(
      'PROC_DENIED',
      `a new /proc can't be mounted here (${line})`,
      `a container that hides parts of its /proc is in the way: ${containerRemedy(containerKind() ?? 'unknown', 'proc')}`,
    );
  return new SandboxError('BWRAP_FAILED', `bubblewrap could not set the sandbox up (${line})`, TRIAL);
}

const TRIAL = 'try: bwrap --unshare-user --unshare-net --unshare-pid --dev-bind / / --proc /proc true';
