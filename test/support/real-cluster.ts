/** Global set-up of `npm run test:cluster`: installs the program, and takes the cluster that $KUBECONFIG names. */

import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installProgram } from './installed-program.ts';

export default function setup(): () => void {
  const given = process.env['KUBECONFIG'];
  if (given === undefined || given === '')
    throw new Error('set KUBECONFIG to the kubeconfig of a cluster that has the namespace e2e');
  const program = installProgram();
  // A copy that the ordinary user can read: an administrator's kubeconfig seldom is.
  const folder = mkdtempSync(join(tmpdir(), 'kns-cluster-'));
  chmodSync(folder, 0o755);
  const kubeconfig = join(folder, 'kubeconfig');
  copyFileSync(given, kubeconfig);
  chmodSync(kubeconfig, 0o644);
  process.env['KNS_TEST_PROGRAM'] = program.path;
  process.env['KNS_TEST_GUESTS'] = program.guests;
  process.env['KNS_TEST_KUBECONFIG'] = kubeconfig;
  return () => {
    program.remove();
    rmSync(folder, { recursive: true, force: true });
  };
}
