import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dialTcp } from '../../../../src/egress/tcp/dial.ts';
import { LoopbackServers } from '../../../../src/session/api-server/loopback.ts';
import { LogLines } from '../../cluster/probe.ts';
import { closedPort, listening } from './support.ts';

/** A "sandbox" whose loopback is ours, at a port of its own. */
class OwnLoopback {
  port = 0;

  async listenInside(server: Server): Promise<void> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }
}

function taken(): Promise<void> {
  return Promise.reject(new Error('it is taken'));
}

/** Servers inside for one outside, and where to connect. */
async function opened(outside: number): Promise<{ port: number; log: LogLines; servers: LoopbackServers }> {
  const [log, sandbox] = [new LogLines(), new OwnLoopback()];
  const servers = new LoopbackServers(log);
  const dial = dialTcp('127.0.0.1', outside);
  await servers.open(sandbox, [{ host: '127.0.0.1', port: outside, dial }]);
  onTestFinished(() => servers.close());
  return { port: sandbox.port, log, servers };
}

async function outside(onConnection: (socket: Socket) => void): Promise<number> {
  const { server, port } = await listening(onConnection);
  onTestFinished(() => void server.close());
  return port;
}

describe('a server on the host loopback, met inside', () => {
  test('bytes go both ways, and each end by itself', async () => {
    const { port } = await opened(await outside((socket) => socket.pipe(socket)));
    const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    near.end('hello');
    expect(await text(near)).toBe('hello');
  });

  test('a reset on one side is one on the other', async () => {
    const far = await outside((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { port } = await opened(far);
    const near = connect(port, '127.0.0.1');
    near.write('x');
    const [error]: unknown[] = await once(near, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  test('nobody there outside: reset, with a line that says why', async () => {
    const far = await closedPort();
    const { port, log } = await opened(far);
    const near = connect(port, '127.0.0.1');
    const [error]: unknown[] = await once(near, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect(log.lines).toEqual([expect.stringMatching(`^info: 127.0.0.1:${far}: .*ECONNREFUSED`)]);
  });

  test('the end of the session is theirs', async () => {
    const { port, servers } = await opened(await outside((socket) => socket.write('x')));
    const near = connect(port, '127.0.0.1');
    await once(near, 'data');
    const closed = once(near, 'close');
    await servers.close();
    await closed;
  });

  test('an address that can not be had is told, and the rest goes on', async () => {
    const log = new LogLines();
    const servers = new LoopbackServers(log);
    const dial = dialTcp('127.0.0.1', 1);
    await servers.open({ listenInside: taken }, [{ host: 'localhost', port: 1, dial }]);
    expect(log.lines.sort()).toEqual([
      'debug: the API server at [::1]:1 is not reachable inside: it is taken',
      'warn: the API server at 127.0.0.1:1 is not reachable inside: it is taken',
    ]);
  });
});
