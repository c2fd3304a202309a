/**
 * The cluster of a benchmark: the one that $KUBECONFIG names, or the embedded
 * one in a process of its own, so that its work is not counted as ours. Either
 * has the namespace e2e of the end-to-end tests.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const FIXTURES = join(import.meta.dirname, '../../../fixtures/cluster/index.ts');

/** @returns the path of a kubeconfig, what to call the cluster, and how to end it */
export async function openCluster() {
  const given = process.env.KUBECONFIG;
  if (given) return { kubeconfig: given, name: `the cluster of ${given}`, close: () => {} };
  const folder = mkdtempSync(join(tmpdir(), 'kns-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const server = fork(await bundle(folder), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const kubeconfig = join(folder, 'config');
  const [text] = await Promise.race([once(server, 'message'), failed(server)]);
  writeFileSync(kubeconfig, text);
  return { kubeconfig, name: 'the embedded cluster', close: () => server.kill() };
}

async function failed(server) {
  const [code] = await once(server, 'exit');
  throw new Error(`the embedded cluster has ended: exit code ${code}`);
}

/** The fixtures are TypeScript, and Node 20 runs none. */
async function bundle(folder) {
  const outfile = join(folder, 'cluster.cjs');
  const contents = `
    import { startEmbeddedCluster } from ${JSON.stringify(FIXTURES)};
    process.once('disconnect', () => process.exit());
    void startEmbeddedCluster().then(({ kubeconfig }) => process.send(kubeconfig));`;
  await build({
    stdin: { contents, loader: 'ts', resolveDir: import.meta.dirname },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'warning',
  });
  chmodSync(folder, 0o755);
  return outfile;
}
