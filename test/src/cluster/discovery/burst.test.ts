/** Thousands of changes at once: others have their turn while they are taken in. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Cluster, connectCluster, loadAccess } from '../../../../src/cluster/index.ts';
import { LogLines } from '../probe.ts';
import { kubeconfigFor } from '../scripted-api.ts';

const COUNT = 5_000;
/** In 2 ms it is some hundred; all of them fit into what a socket hands over before the event loop goes on. */
const MOST_IN_A_TURN = COUNT / 5;

let server: Server;
let cluster: Cluster;
/** That of Services. */
let watch: ServerResponse | undefined;

beforeEach(async () => {
  watch = undefined;
  server = createServer(({ url = '' }, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (!url.includes('watch=')) {
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
      return;
    }
    response.flushHeaders();
    if (url.includes('/services')) watch = response;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const access = await loadAccess({ kubeconfigText: kubeconfigFor(`http://127.0.0.1:${address.port}`) });
  cluster = await connectCluster(access, { namespaces: ['shop'], log: new LogLines() });
});

afterEach(async () => {
  await cluster.close();
  server.closeAllConnections();
  server.close();
});

test('of a watch', async () => {
  const lines = Array.from({ length: COUNT }, (_, i) => {
    const metadata = { namespace: 'shop', name: `service-${i}`, resourceVersion: `${i + 2}` };
    const spec = {
      clusterIP: `10.96.${i >> 8}.${i & 255}`,
      ports: [{ port: 80 }],
      selector: { app: `${i}` },
    };
    return `${JSON.stringify({ type: 'ADDED', object: { metadata, spec } })}\n`;
  });
  const stream = await vi.waitUntil(() => watch);
  stream.write(lines.join(''));
  let most = 0;
  for (let known = 0; known < COUNT; ) {
    await nextTurn();
    most = Math.max(most, cluster.services.length - known);
    known = cluster.services.length;
  }
  expect(most).toBeLessThan(MOST_IN_A_TURN);
});
