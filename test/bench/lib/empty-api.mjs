/**
 * An API server of a cluster without Services, in this process: what a
 * benchmark of anything but the cluster needs, at no cost while it runs.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { writeKubeconfig } from './kubeconfig.mjs';

/** @returns the path of a kubeconfig for it, and how to end it */
export async function startEmptyApi() {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url, 'http://localhost');
    response.setHeader('content-type', 'application/json');
    if (searchParams.get('watch'))
      response.flushHeaders(); // and nothing ever happens
    else
      response.end(
        JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] }),
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    kubeconfig: writeKubeconfig(`http://127.0.0.1:${server.address().port}`),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
