/** What an upgrade costs after the first: no full TLS handshake. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from '../access/ask.ts';
import { base64, makeAuthority } from '../access/authority.ts';
import { kubeconfigText } from '../access/kubeconfig-text.ts';

const UPGRADE = {
  method: 'POST' as const,
  path: '/api/v1/namespaces/test/pods/a/portforward',
  headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' },
};

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'upgrades resume the TLS session of the first, %s',
  async (version) => {
    const authority = await makeAuthority();
    const pair = await authority.server(['127.0.0.1']);
    const reused: boolean[] = [];
    const server = https.createServer({ ...pair, maxVersion: version });
    server.on('upgrade', (_request, socket: TLSSocket) => {
      reused.push(socket.isSessionReused());
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const cluster = {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority-data': base64(authority.ca),
    };
    const client = await connect({ kubeconfigText: kubeconfigText({ cluster }) });
    // A session can be resumed once its ticket has come, which with TLS 1.3 is after the handshake.
    for (let i = 0; i < 3; i++) expect(await client.upgrade(UPGRADE)).toMatchObject({ upgraded: true });
    await Promise.all([client.upgrade(UPGRADE), client.upgrade(UPGRADE)]);
    expect(reused).toEqual([false, true, true, true, true]);
  },
);
