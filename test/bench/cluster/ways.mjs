/** Ways to the ports of one pod: kubectl's, and ours from inside a sandbox. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { cpuSeconds, family, outside, Shell } from '../lib/index.mjs';

const RELEASED = join(import.meta.dirname, '../../../dist/kns-rootless');
const FORWARD_WAIT_MS = 10_000;

/** The released program as a user has it, with nothing but this pod. */
export async function openOurs({ namespace, pod }, kubeconfig) {
  const options = ['--kubeconfig', kubeconfig, '-n', namespace, '--pick', `pod/${pod}`];
  const shell = new Shell([RELEASED, ...options, '--', 'sh']);
  await shell.ready();
  return {
    run: (command) => shell.run(command),
    host: pod,
    portOf: (port) => port,
    cpuSeconds: () => cpuSeconds(outside(family(shell.pid))),
    close: () => shell.close(),
  };
}

export async function openKubectl({ namespace, pod }, kubeconfig, ports) {
  const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'port-forward', `pod/${pod}`];
  const kubectl = spawn('kubectl', [...args, ...ports.map((port) => `:${port}`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const local = await localPorts(kubectl, ports);
  const shell = new Shell(['sh']);
  await shell.ready();
  return {
    run: (command) => shell.run(command),
    host: '127.0.0.1',
    portOf: (port) => local.get(port),
    cpuSeconds: () => cpuSeconds([kubectl.pid]),
    async close() {
      const ended = once(kubectl, 'exit');
      kubectl.kill();
      await Promise.all([ended, shell.close()]);
    },
  };
}

/** As it tells them: `Forwarding from 127.0.0.1:41325 -> 7000`. */
async function localPorts(kubectl, ports) {
  const local = new Map();
  const signal = AbortSignal.timeout(FORWARD_WAIT_MS);
  let text = '';
  while (local.size < ports.length) {
    const [chunk] = await once(kubectl.stdout, 'data', { signal });
    text += chunk;
    for (const [, from, to] of text.matchAll(/127\.0\.0\.1:(\d+) -> (\d+)/g))
      local.set(Number(to), Number(from));
  }
  kubectl.stdout.resume();
  return local;
}
