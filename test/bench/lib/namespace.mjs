/**
 * A world of the benchmark's own: user, network, mount and process namespaces.
 *
 * Servers listen on the address of an interface there, one end of a veth pair, so
 * that nothing touches the host's network; and since the kernel ends a process namespace
 * with its first process, nothing outlives the benchmark, however that ends.
 */

import { execFileSync, spawnSync } from 'node:child_process';

const INSIDE = 'KNS_BENCH_NAMESPACE';

/** Where servers of a benchmark listen. */
export const SERVER_ADDRESS = '198.51.100.1';

/** Continues only inside; the process that is not yet inside starts itself anew there, and ends with it. */
export function enterNamespace() {
  if (process.env[INSIDE] === '1') {
    makeNetwork();
    return;
  }
  const namespaces = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--mount-proc'];
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  // Whatever ends this process ends all that is inside.
  const inside = ['--pdeathsig', 'KILL', 'unshare', ...namespaces, '--kill-child', ...self];
  const { status, signal, error } = spawnSync('setpriv', inside, {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  process.exit(status);
}

function makeNetwork() {
  for (const line of [
    'link set lo up',
    'link add bench0 type veth peer name bench1',
    `address add ${SERVER_ADDRESS}/24 dev bench0`,
    'link set bench0 up',
    'link set bench1 up',
    'route add default dev bench0',
  ])
    execFileSync('ip', line.split(' '));
}
