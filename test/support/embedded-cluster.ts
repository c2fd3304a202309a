/** Global set-up of `npm test`: installs the program and starts the embedded cluster for all suites. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { installProgram } from './installed-program.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const program = installProgram();
  const cluster = await startEmbeddedCluster();
  const folder = mkdtempSync(join(tmpdir(), 'kns-cluster-'));
  chmodSync(folder, 0o755);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, cluster.kubeconfig);
  const forwarder = join(folder, 'forwarder');
  writeFileSync(forwarder, stringify({ ...parse(cluster.kubeconfig), 'current-context': 'forwarder' }));
  process.env['KNS_TEST_PROGRAM'] = program.path;
  process.env['KNS_TEST_GUESTS'] = program.guests;
  process.env['KNS_TEST_KUBECONFIG'] = kubeconfig;
  process.env['KNS_TEST_FORWARDER_KUBECONFIG'] = forwarder;
  return async () => {
    await cluster.close();
    program.remove();
    rmSync(folder, { recursive: true, force: true });
  };
}
