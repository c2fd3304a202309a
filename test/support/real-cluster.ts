/** Global set-up of `npm run test:cluster`: installs the program, and takes the cluster that $KUBECONFIG names. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installProgram } from './installed-program.ts';

/** What kubectl shows of a kubeconfig that has one context left. */
interface Kubeconfig {
  readonly contexts: { readonly name: string; readonly context: { user: string; namespace?: string } }[];
  users: { name: string; user: object }[];
}

const ACCOUNT = 'forwarder';
const NAMESPACE = 'e2e';

export default function setup(): () => void {
  const given = process.env['KUBECONFIG'];
  if (given === undefined || given === '')
    throw new Error(`set KUBECONFIG to the kubeconfig of a cluster that has the namespace ${NAMESPACE}`);
  const program = installProgram();
  // Copies that the ordinary user can read, with the files that they name: an administrator's seldom can be.
  const folder = mkdtempSync(join(tmpdir(), 'kns-cluster-'));
  chmodSync(folder, 0o755);
  const write = (name: string, config: Kubeconfig): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(config));
    return path;
  };
  const admin: Kubeconfig = JSON.parse(
    kubectl('config', 'view', '--raw', '--flatten', '--minify', '-o', 'json'),
  );
  process.env['KNS_TEST_PROGRAM'] = program.path;
  process.env['KNS_TEST_GUESTS'] = program.guests;
  process.env['KNS_TEST_KUBECONFIG'] = write('kubeconfig', admin);
  process.env['KNS_TEST_FORWARDER_KUBECONFIG'] = write('forwarder', restricted(admin));
  return () => {
    program.remove();
    rmSync(folder, { recursive: true, force: true });
  };
}

/** The same cluster, for the account that may look things up and forward in the namespace, and nothing else. */
function restricted(admin: Kubeconfig): Kubeconfig {
  const token = kubectl('-n', NAMESPACE, 'create', 'token', ACCOUNT).trim();
  const contexts = admin.contexts.map(({ name, context }) => ({
    name,
    context: { ...context, user: ACCOUNT, namespace: NAMESPACE },
  }));
  return { ...admin, contexts, users: [{ name: ACCOUNT, user: { token } }] };
}

function kubectl(...args: string[]): string {
  return execFileSync('kubectl', args, { encoding: 'utf8' });
}
