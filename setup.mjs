/**
 * Makes a fresh clone ready: dependencies, system packages, build.
 *
 * Needs nothing but Node and npm, so it imports nothing that npm installs. As
 * root on a Debian-like system it installs what is missing and says so; as
 * anyone else it stops with the command to run.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = import.meta.dirname;
const isRoot = process.getuid() === 0;
const TUN = '/dev/net/tun';

function stop(line) {
  process.stderr.write(`setup: ${line}\n`);
  process.exit(1);
}

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (error !== undefined || status !== 0) stop(`failed: ${[command, ...args].join(' ')}`);
}

function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    stop(`Node ${process.versions.node} is too old: install 20.19 or later`);
}

/** What has to be on the system, with the packages that bring it. */
const NEEDS = [
  {
    name: 'bubblewrap',
    found: () => onPath('bwrap'),
    apt: ['bubblewrap'],
    dnf: ['bubblewrap'],
    zypper: ['bubblewrap'],
    pacman: ['bubblewrap'],
    apk: ['bubblewrap'],
  },
  {
    name: 'a C compiler and the static C library',
    found: () => ['cc', 'gcc', 'clang'].some(onPath) && staticLibcLinks(),
    apt: ['gcc', 'libc6-dev'],
    dnf: ['gcc', 'glibc-static'],
    zypper: ['gcc', 'glibc-devel-static'],
    pacman: ['gcc'],
    apk: ['gcc', 'musl-dev', 'linux-headers'],
  },
  {
    name: 'curl',
    found: () => onPath('curl'),
    apt: ['curl'],
    dnf: ['curl'],
    zypper: ['curl'],
    pacman: ['curl'],
    apk: ['curl'],
  },
];

/** How each package manager is told to install. */
const MANAGERS = [
  { name: 'apt', program: 'apt-get', install: 'apt-get install -y' },
  { name: 'dnf', program: 'dnf', install: 'dnf install -y' },
  { name: 'zypper', program: 'zypper', install: 'zypper install -y' },
  { name: 'pacman', program: 'pacman', install: 'pacman -S --needed' },
  { name: 'apk', program: 'apk', install: 'apk add' },
];

function staticLibcLinks() {
  const compiler = ['cc', 'gcc', 'clang'].find(onPath);
  const { status } = spawnSync(compiler, ['-x', 'c', '-static', '-o', '/dev/null', '-'], {
    input: '#include <linux/if_tun.h>\nint main(void) { return 0; }\n',
  });
  return status === 0;
}

function installSystemPackages() {
  const missing = NEEDS.filter((need) => !need.found());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name).join(', ');
  const packages = (manager) => missing.flatMap((need) => need[manager]).join(' ');
  if (isRoot && onPath('apt-get')) {
    say(`installing ${names}: apt-get install ${packages('apt')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages('apt').split(' ')], {
      env,
    });
    return;
  }
  const manager = MANAGERS.find(({ program }) => onPath(program));
  if (manager === undefined) stop(`${names} missing: install it with your system's package manager`);
  stop(`${names} missing: run ${isRoot ? '' : 'sudo '}${manager.install} ${packages(manager.name)}`);
}

/** Distributions ship the device open to all (udev's 50-udev-default.rules); some containers do not. */
function openTun() {
  if (!existsSync(TUN)) stop(`${TUN} is missing: run ${isRoot ? '' : 'sudo '}modprobe tun`);
  if ((statSync(TUN).mode & 0o666) === 0o666) return;
  if (isRoot) {
    say(`opening ${TUN} to all users, as distributions ship it: chmod 0666 ${TUN}`);
    chmodSync(TUN, 0o666);
    return;
  }
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
  } catch {
    stop(`${TUN} can't be opened by this user: run sudo chmod 0666 ${TUN}`);
  }
}

/**
 * As the lock file says, unless that was done already. Not `npm ci`: it wants
 * the packages of every platform to be known to the registry, and a mirror may
 * hold those of one alone.
 */
function installDependencies() {
  const wanted = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.setup-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing dependencies: npm install');
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund']);
  copyFileSync(join(root, 'package-lock.json'), stamp);
}

checkNode();
installSystemPackages();
openTun();
installDependencies();
run(process.execPath, [join(root, 'build.mjs')]);
