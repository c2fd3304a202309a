/** An API server that answers as the test says, and a client of it. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { loadAccess } from '../../../../src/cluster/access/access.ts';
import { ApiClient } from '../../../../src/cluster/api/client.ts';
import { kubeconfigText } from '../access/kubeconfig-text.ts';

export interface AnsweringServer {
  readonly server: http.Server;
  readonly url: string;
}

/** A plain one on loopback; it is gone when the test is over. */
export async function answeringServer(answer: http.RequestListener): Promise<AnsweringServer> {
  const server = http.createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export async function clientOf(url: string, timeoutMs?: number): Promise<ApiClient> {
  const access = await loadAccess({ kubeconfigText: kubeconfigText({ cluster: { server: url } }) }, {});
  const client = new ApiClient(access, timeoutMs);
  onTestFinished(() => client.close());
  return client;
}
