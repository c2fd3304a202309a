/** What a server tells of itself: its clock and its certificate, by real servers on loopback. */

import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { clock, judge } from '../../../src/doctor/cluster/clock.ts';
import { apiServer } from '../../../src/doctor/cluster/api-server.ts';
import { credentials, tokenExpiry } from '../../../src/doctor/cluster/credentials.ts';
import { Clusters, type ClusterContext } from '../../../src/doctor/cluster/context.ts';
import { kubeconfig } from '../../../src/doctor/cluster/kubeconfig.ts';
import { createLog } from '../../../src/observe/log.ts';
import { type Authority, base64, makeAuthority, type Pair } from '../cluster/access/authority.ts';
import { kubeconfigText } from '../cluster/access/kubeconfig-text.ts';

const HOUR_MS = 3_600_000;
const signal = new AbortController().signal;

let authority: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await makeAuthority();
  pair = await authority.server(['127.0.0.1']);
});

interface ServerOptions {
  readonly skewMs?: number;
  readonly presented?: Pair;
  readonly status?: number;
  /** Sent in the kubeconfig. */
  readonly ca?: string;
  /** Who shows no certificate is not spoken to. */
  readonly wantsCertificate?: true;
  readonly cluster?: object;
  readonly user?: object;
}

/** A cluster whose API server is this one, and the headers that it was sent. */
async function clusterOf(
  options: ServerOptions,
): Promise<{ cluster: ClusterContext; sent: (string | undefined)[] }> {
  const { skewMs = 0, presented = pair, status = 200, ca = authority.ca, user = {} } = options;
  const mutual = options.wantsCertificate ? { ca: authority.ca, requestCert: true } : {};
  const sent: (string | undefined)[] = [];
  const server = https.createServer({ ...presented, ...mutual }, (request, response) => {
    sent.push(request.headers.authorization);
    response.writeHead(status, { Date: new Date(Date.now() + skewMs).toUTCString() });
    response.end('{"gitVersion":"v1.32.0","message":"so it is"}');
  });
  server.on('tlsClientError', () => {}); // the client tells
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const text = kubeconfigText({
    cluster: {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority-data': base64(ca),
      ...options.cluster,
    },
    user,
  });
  const clusters = clustersOf(text);
  onTestFinished(async () => {
    await clusters.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { cluster: clusters.all[0], sent };
}

function clustersOf(text: string): Clusters {
  const log = createLog(0);
  const none = { contexts: [], namespaces: [], picks: [], aliases: [], waits: [], publishedTargets: [] };
  return new Clusters({ ...none, allNamespaces: false, kubeconfigText: text, log }, {});
}

test.each([
  [-120_000, 'warning', /^it is 1(19|20)\.\d s ahead of the server's/],
  [120_000, 'warning', /^it is 1(19|20)\.\d s behind the server's/],
  [0, 'ok', /^it agrees with the server's/],
])('a server whose clock is %d ms off', async (skewMs, status, message) => {
  const { cluster } = await clusterOf({ skewMs });
  const finding = await clock.run(cluster, signal);
  expect(finding).toMatchObject({ status, message: expect.stringMatching(message) });
  if (status === 'warning') expect(finding.remedy).toContain('timedatectl');
});

test('the clock is read of whoever answers, and no credentials are shown to it', async () => {
  const other = await makeAuthority();
  const { cluster, sent } = await clusterOf({ ca: other.ca, user: { token: 'secret' } });
  expect(await clock.run(cluster, signal)).toMatchObject({ status: 'ok' });
  expect(sent).toEqual([undefined]);
  await expect(apiServer.run(cluster, signal)).rejects.toMatchObject({
    code: 'API_UNREACHABLE',
    remedy: expect.stringContaining('certificate-authority'),
  });
  expect(sent).toEqual([undefined]);
});

test("a server's certificate that has expired", async () => {
  const expired = await authority.server(['127.0.0.1'], -HOUR_MS);
  const { cluster } = await clusterOf({ presented: expired });
  expect(await clock.run(cluster, signal)).toMatchObject({
    status: 'failed',
    code: 'API_UNREACHABLE',
    remedy: expect.stringContaining('renewed'),
  });
});

test('the same, since our clock is ahead', () => {
  const validity = { from: new Date('2026-01-01'), to: new Date('2026-02-01') };
  const reading = {
    status: 200,
    date: new Date('2026-01-15'),
    tls: { protocol: 'TLSv1.3', validity },
    ourMs: Date.parse('2027-01-15'),
  };
  expect(judge(reading, reading.ourMs, true)).toMatchObject({
    status: 'failed',
    remedy: expect.stringContaining('timedatectl'),
  });
  expect(judge(reading, reading.ourMs, false)).toMatchObject({ status: 'warning' });
  const soon = { ...reading, date: new Date('2026-01-31'), ourMs: Date.parse('2026-01-31') };
  expect(judge(soon, soon.ourMs, true)).toMatchObject({
    status: 'warning',
    remedy: expect.stringContaining('renewed before then'),
  });
});

test('nobody answers: the clock has nothing to say', async () => {
  const { cluster } = await clusterOf({ cluster: { server: 'https://127.0.0.1:1' } });
  expect(await clock.run(cluster, signal)).toMatchObject({ status: 'skipped' });
});

test('a server that is taken whoever it is, with a warning', async () => {
  const trusting = { 'insecure-skip-tls-verify': true, 'certificate-authority-data': undefined };
  const { cluster } = await clusterOf({ cluster: trusting });
  expect(await apiServer.run(cluster, signal)).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('Kubernetes v1.32.0'),
    remedy: expect.stringContaining('insecure-skip-tls-verify'),
  });
});

test('a gateway that speaks to nobody without a certificate', async () => {
  const { cert, key } = await authority.client('jane');
  const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
  const { cluster } = await clusterOf({ wantsCertificate: true, user });
  expect(await clock.run(cluster, signal)).toMatchObject({ status: 'skipped' });
  expect(await apiServer.run(cluster, signal)).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('(TLS)'),
  });
});

test('a version that is kept secret', async () => {
  const { cluster } = await clusterOf({ status: 403 });
  expect(await apiServer.run(cluster, signal)).toMatchObject({ status: 'ok' });
});

test.each([
  [401, 'UNAUTHORIZED'],
  [500, 'API_FAILED'],
])('an answer of %d', async (status, code) => {
  const { cluster } = await clusterOf({ status });
  expect(await apiServer.run(cluster, signal)).toMatchObject({ status: 'failed', code });
});

test('what is said of credentials is no secret', async () => {
  const payload = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString('base64url');
  const token = `e30.${payload}.c2lnbmF0dXJl`;
  const { cluster } = await clusterOf({ user: { token, as: 'jane' } });
  const finding = await credentials.run(cluster, signal);
  expect(finding).toMatchObject({
    status: 'warning',
    message: 'bearer token, valid until 2023-11-14T22:13:20.000Z, acting as jane',
    remedy: expect.stringContaining('log in again'),
  });
  expect(JSON.stringify(finding)).not.toContain(payload);
});

async function kinds(user: object): Promise<string> {
  const { cluster } = await clusterOf({ user });
  return (await credentials.run(cluster, signal)).message;
}

test('credentials of other kinds', async () => {
  const { cert, key } = await authority.client('jane');
  const certificate = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
  expect(await kinds(certificate)).toMatch(/^client certificate, valid until 20/);
  expect(await kinds({ username: 'jane', password: 'secret' })).toBe('password');
  expect(await kinds({ token: 'opaque' })).toBe('bearer token');
  expect(await kinds({})).toContain('anonymous');
  expect(tokenExpiry('a.%%%.b')).toBeUndefined();
});

test('a kubeconfig without a context names what there is', async () => {
  const clusters = clustersOf(JSON.stringify({ 'current-context': 'gone' }));
  onTestFinished(() => clusters.close());
  expect(await kubeconfig.run(clusters, signal)).toMatchObject({ status: 'failed', code: 'CONTEXT_UNKNOWN' });
});
