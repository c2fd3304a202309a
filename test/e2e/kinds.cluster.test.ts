/** Kinds of Services and ports that seldom are, from inside; on the embedded cluster and on a real one. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChangeableCluster, startChangeableCluster } from '../support/changeable-cluster.ts';
import { runProgram, type RunResult } from '../support/program.ts';

const TO_WEB = { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] };
const TO_SICK = {
  selector: { app: 'sick' },
  ports: [{ name: 'http', port: 80, targetPort: 'http' }],
  publishNotReadyAddresses: true,
};
/** Endpoints come a moment after their Service. */
const READY = ['node', 'balanced', 'mixed', 'early', 'early-pods'].flatMap((name) => [
  '--wait',
  `svc/${name}=30s`,
]);

let cluster: ChangeableCluster;

beforeAll(async () => {
  cluster = await startChangeableCluster();
  await cluster.putService('node', { ...TO_WEB, type: 'NodePort' });
  await cluster.putService('balanced', { ...TO_WEB, type: 'LoadBalancer' });
  await cluster.putService('early', TO_SICK);
  await cluster.putService('early-pods', { ...TO_SICK, clusterIP: 'None' });
  await cluster.putService('mixed', {
    selector: { app: 'web' },
    ports: [
      { name: 'datagrams', port: 53, protocol: 'UDP', targetPort: 5353 },
      { name: 'http', port: 53, targetPort: 'http' },
      { name: 'messages', port: 99, protocol: 'SCTP', targetPort: 99 },
    ],
  });
}, 90_000);
afterAll(() => cluster.close());

function run(script: string): Promise<RunResult> {
  const args = ['-v', '-n', cluster.namespace, ...READY, '--', 'sh', '-c', script];
  return runProgram(args, { env: { KUBECONFIG: cluster.kubeconfig }, timeoutMs: 45_000 });
}

test('a NodePort and a LoadBalancer are reached as by their ClusterIP', async () => {
  const { code, stdout } = await run('curl -sS http://node/healthz http://balanced/healthz');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'ok\nok\n' });
});

describe('publishNotReadyAddresses', () => {
  test('a Service leads to a pod that is not ready', async () => {
    const { stdout } = await run('curl -sS http://early/whoami');
    expect(JSON.parse(stdout).host).toBe('sick');
  });

  test("a headless one's name has the pod's address, and SRV its name", async () => {
    const srv = `require('dns').resolveSrv('_http._tcp.early-pods', (e, r) => console.log(e?.code ?? r[0].name))`;
    const { stdout } = await run(
      `curl -sS http://early-pods:8080/whoami; getent ahostsv4 early-pods | cut -d' ' -f1 | sort -u
       getent ahostsv4 sick.early-pods | cut -d' ' -f1 | sort -u; ${process.execPath} -e "${srv}"`,
    );
    const [answer, ofService, ofPod, target] = stdout.trim().split('\n');
    expect(JSON.parse(answer).host).toBe('sick');
    expect(ofService).toMatch(/^10\.0\.1\.\d+$/);
    expect(ofPod).toBe(ofService);
    expect(target).toMatch(/^[\w-]+\.early-pods\..*\.svc\.cluster\.local$/);
  });
});

test('of ports that are not TCP it is said once why they refuse, and TCP at the same number works', async () => {
  const datagrams = `
    const dgram = require('node:dgram');
    const send = () => new Promise((resolve) => {
      const socket = dgram.createSocket('udp4').on('error', (error) => resolve(error.code));
      socket.connect(53, 'mixed', () => socket.send('x'));
    });
    (async () => console.log(await send(), await send()))().then(() => process.exit());`;
  const { stdout, stderr } = await run(
    `${process.execPath} -e "${datagrams}"; curl -sS http://mixed:53/healthz`,
  );
  expect(stdout).toBe('ECONNREFUSED ECONNREFUSED\nok\n');
  const said = stderr.split('\n').filter((line) => line.includes('a port-forward carries TCP only'));
  const ports = said.map((line) => /:(\d+\/\w+): refused/.exec(line)?.[1]);
  expect(ports).toHaveLength(2);
  expect(new Set(ports)).toEqual(new Set(['53/UDP', '99/SCTP']));
});
