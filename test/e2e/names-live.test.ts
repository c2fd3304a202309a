/** Names that come and go while the command runs, on an embedded cluster that the test changes. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../fixtures/cluster/index.ts';
import { startProgram } from '../support/program.ts';

let cluster: EmbeddedCluster;
let folder: string;

beforeEach(async () => {
  cluster = await startEmbeddedCluster();
  folder = mkdtempSync(join(tmpdir(), 'kns-names-'));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'kubeconfig'), cluster.kubeconfig);
});
afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script in the namespace e2e; on a line that it prints, what `steps` has for it is done. */
async function run(script: string, steps: Readonly<Record<string, () => unknown>>): Promise<string[]> {
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', script], {
    env: { KUBECONFIG: join(folder, 'kubeconfig') },
  });
  if (child.stdout === null) throw new Error('no pipe');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    await steps[line]?.();
  }
  return lines;
}

/** Shell functions: to wait for a name or for its end in DNS and in /etc/hosts, and to tell its address. */
const SHELL = `
  until_there() { until getent ahostsv4 "$1" >/dev/null && grep -qw "$1" /etc/hosts; do sleep 0.05; done; }
  until_gone() { while getent ahostsv4 "$1" >/dev/null || grep -qw "$1" /etc/hosts; do sleep 0.05; done; }
  address() { getent ahostsv4 "$1" | head -n 1 | cut -d ' ' -f 1; }
  refused() { curl -sS --max-time 5 "http://$1:8080/" 2>&1 | grep -c 'Failed to connect'; }
`;

test('a Service that comes is found, one that goes is refused, and one that comes back is where it was', async () => {
  const late = {
    namespace: 'e2e',
    name: 'late',
    spec: { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 8080 }] },
  };
  const script = `${SHELL}
    getent ahosts late || echo none
    until_there late; first=$(address late); curl -sS http://late:8080/healthz; echo there
    until_gone late; refused $first; echo gone
    until_there late; test $(address late) = $first && curl -sS http://late:8080/healthz`;
  const lines = await run(script, {
    none: () => cluster.putService(late),
    there: () => cluster.removeService('e2e', 'late'),
    gone: () => cluster.putService(late),
  });
  expect(lines).toEqual(['none', 'ok', 'there', '1', 'gone', 'ok']);
});

test("a cluster's own IPv6 address leads to its Service, and has its name", async () => {
  const spec = { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 8080 }] };
  const dual = { ...spec, clusterIP: '10.96.200.1', clusterIPs: ['10.96.200.1', 'fd00:96::c801'] };
  cluster.putService({ namespace: 'e2e', name: 'dual', spec: dual });
  const reverse = `require('dns').reverse('fd00:96::c801', (e, names) => console.log(e?.code ?? names[0]))`;
  const lines = await run(
    `until_there() { until getent ahostsv4 "$1" >/dev/null; do sleep 0.05; done; }
     until_there dual; curl -sS 'http://[fd00:96::c801]:8080/healthz'; ${process.execPath} -e "${reverse}"`,
    {},
  );
  expect(lines).toEqual(['ok', 'dual.e2e.svc.cluster.local']);
});

test('the pods of a headless Service come and go as they are ready', async () => {
  const script = `${SHELL}
    first=$(address db-1.db); echo ready
    until_gone db-1.db; getent ahostsv4 db | grep -c STREAM; refused $first; echo one
    until_there db-1.db; test $(address db-1.db) = $first && curl -sS http://db-1.db:8080/healthz`;
  const lines = await run(script, {
    ready: () => cluster.setReady('e2e', 'db-1', false),
    one: () => cluster.setReady('e2e', 'db-1', true),
  });
  expect(lines).toEqual(['ready', '1', '1', 'one', 'ok']);
});
