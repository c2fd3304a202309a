/**
 * Makes a fresh clone ready: dependencies, system packages, build.
 *
 * Needs nothing but Node and npm, so it imports nothing that npm installs. As
 * root on a Debian-like system it installs what is missing and says so; as
 * anyone else it stops with the command to run. With --tests it looks for the
 * real programs that tests are about as well: where one can't be had, its tests
 * are left out.
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

/** Real clients and servers, whose tests are left out without them. */
const TESTED = [
  {
    name: 'git and ip',
    found: () => ['git', 'ip'].every(onPath),
    apt: ['git', 'iproute2'],
    dnf: ['git-daemon', 'iproute'],
    zypper: ['git-daemon', 'iproute2'],
    pacman: ['git', 'iproute2'],
    apk: ['git', 'git-daemon', 'iproute2'],
  },
  {
    name: 'iperf3',
    found: () => onPath('iperf3'),
    apt: ['iperf3'],
    dnf: ['iperf3'],
    zypper: ['iperf'],
    pacman: ['iperf3'],
    apk: ['iperf3'],
  },
  {
    name: 'redis',
    found: () => ['redis-server', 'redis-cli'].every(onPath),
    apt: ['redis-server', 'redis-tools'],
    dnf: ['redis'],
    zypper: ['redis'],
    pacman: ['redis'],
    apk: ['redis'],
  },
  {
    name: 'PostgreSQL',
    found: () => onPath('psql') && (onPath('initdb') || existsSync('/usr/lib/postgresql')),
    apt: ['postgresql', 'postgresql-client'],
    dnf: ['postgresql-server'],
    zypper: ['postgresql-server'],
    pacman: ['postgresql'],
    apk: ['postgresql'],
  },
  {
    name: "ngtcp2's QUIC programs",
    found: () => onPath('gtlsclient') && (onPath('gtlsserver') || existsSync('/usr/sbin/gtlsserver')),
    apt: ['ngtcp2-client', 'ngtcp2-server'],
    dnf: [],
    zypper: [],
    pacman: [],
    apk: [],
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

function packagesOf(needs, manager) {
  return needs.flatMap((need) => need[manager]);
}

function installByApt(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}

function installSystemPackages() {
  const missing = NEEDS.filter((need) => !need.found());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name).join(', ');
  if (isRoot && onPath('apt-get')) {
    const packages = packagesOf(missing, 'apt');
    say(`installing ${names}: apt-get install ${packages.join(' ')}`);
    installByApt(packages);
    return;
  }
  const manager = MANAGERS.find(({ program }) => onPath(program));
  if (manager === undefined) stop(`${names} missing: install it with your system's package manager`);
  const packages = packagesOf(missing, manager.name).join(' ');
  stop(`${names} missing: run ${isRoot ? '' : 'sudo '}${manager.install} ${packages}`);
}

function installTested() {
  const missing = TESTED.filter((need) => !need.found());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name).join(', ');
  if (isRoot && onPath('apt-get')) {
    say(`installing what tests are about: ${names}`);
    installByApt(packagesOf(missing, 'apt'));
    return;
  }
  const manager = MANAGERS.find(({ program }) => onPath(program));
  const packages = manager === undefined ? [] : packagesOf(missing, manager.name);
  const remedy =
    packages.length === 0 ? '' : `; to have them, run sudo ${manager.install} ${packages.join(' ')}`;
  say(`without ${names}, their tests are left out${remedy}`);
}

/**
 * Distributions ship the device open to all (udev's 50-udev-default.rules); some containers do not. A sandbox has a
 * veth pair without it.
 */
function openTun(isForTests) {
  const lacks = isForTests
    ? (what, command) => stop(`${what}: run ${command}, or the tests without it: npm run test:veth`)
    : (what, command) =>
        say(`${what}: sandboxes have a veth pair; for the faster tun device, run ${command}`);
  const sudo = isRoot ? '' : 'sudo ';
  if (!existsSync(TUN)) return lacks(`${TUN} is missing`, `${sudo}modprobe tun`);
  if ((statSync(TUN).mode & 0o666) === 0o666) return;
  if (isRoot) {
    say(`opening ${TUN} to all users, as distributions ship it: chmod 0666 ${TUN}`);
    chmodSync(TUN, 0o666);
    return;
  }
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
  } catch {
    lacks(`${TUN} can't be opened by this user`, `${sudo}chmod 0666 ${TUN}`);
  }
}

/** As the lock file says, unless that was done already. */
function installDependencies() {
  const wanted = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.setup-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing dependencies: npm ci');
  run('npm', ['ci', '--no-audit', '--no-fund']);
  copyFileSync(join(root, 'package-lock.json'), stamp);
}

checkNode();
installSystemPackages();
const isForTests = process.argv.includes('--tests');
if (isForTests) installTested();
openTun(isForTests);
installDependencies();
run(process.execPath, [join(root, 'build.mjs')]);
