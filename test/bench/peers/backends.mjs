/**
 * Ways from a network namespace of an ordinary user's to a server beside it:
 * each is a `Shell` inside, and the processes that carry what it sends.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { family, outside, packageVersion, SERVER_ADDRESS, Shell, versionOf } from '../lib/index.mjs';

const RELEASED = join(import.meta.dirname, '../../../dist/kns-rootless');

/** With 64 KiB there are the fewest packets, 1500 is what programs inside may insist on. */
export const LARGE_MTU = 65_520;
export const SMALL_MTU = 1500;

function nameOf(kind, mtu) {
  return kind === 'kernel loopback' ? kind : `${kind}/${mtu}`;
}

function backend(kind, mtu, needs, version, open, program = RELEASED) {
  return { name: nameOf(kind, mtu), kind, mtu, needs, version, open, program };
}

export const BACKENDS = [
  backend('kernel loopback', LARGE_MTU, [], () => 'two sockets, and no namespace between', openKernel),
  ...[LARGE_MTU, SMALL_MTU].flatMap((mtu) => [
    backend('kns-rootless', mtu, ['bwrap'], () => versionOf(RELEASED), openOurs),
    backend('slirp4netns', mtu, ['slirp4netns'], () => packageVersion('slirp4netns'), openSlirp),
    backend('pasta', mtu, ['pasta'], () => packageVersion('passt'), openPasta),
  ]),
];

async function openKernel() {
  const shell = new Shell(['sh']);
  await shell.ready();
  return { shell, pids: () => [], close: () => shell.close() };
}

/** Another build of the program, such as the one before a change. */
export function baseline(program) {
  return backend('baseline', LARGE_MTU, ['bwrap'], () => program, openOurs, program);
}

/** The released program as a user has it: policy, names, congestion control, all on. */
async function openOurs({ mtu, program }, { kubeconfig }) {
  const options = ['--kubeconfig', kubeconfig, '--allow', SERVER_ADDRESS];
  // A link of another MTU is the command's own wish, and takes the right to administer the link.
  if (mtu !== LARGE_MTU) options.push('--net-admin');
  const shell = new Shell([program, ...options, '--', 'sh']);
  await shell.ready();
  if (mtu !== LARGE_MTU) await shell.run(`ip link set kns0 mtu ${mtu}`);
  return { shell, pids: () => outside(family(shell.pid)), close: () => shell.close() };
}

async function openPasta({ mtu }) {
  const addresses = ['-a', '203.0.113.2', '-n', '24', '-g', '203.0.113.1', '-i', 'bench0'];
  const shell = new Shell([
    'pasta',
    '--quiet',
    '--config-net',
    '-4',
    ...addresses,
    '-m',
    String(mtu),
    '--',
    'sh',
  ]);
  await shell.ready();
  return { shell, pids: () => outside(family(shell.pid)), close: () => shell.close() };
}

async function openSlirp({ mtu }) {
  const shell = new Shell(['unshare', '--user', '--map-root-user', '--net', 'sh']);
  await shell.ready();
  const arguments_ = ['--configure', `--mtu=${mtu}`, '--ready-fd=3', String(shell.pid), 'tap0'];
  const slirp = spawn('slirp4netns', arguments_, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  await new Promise((resolve, reject) => {
    slirp.stdio[3].once('data', resolve);
    slirp.once('error', reject).once('exit', (code) => reject(new Error(`slirp4netns: exit code ${code}`)));
  });
  return {
    shell,
    pids: () => [slirp.pid],
    async close() {
      slirp.removeAllListeners('exit').kill();
      await shell.close();
    },
  };
}
