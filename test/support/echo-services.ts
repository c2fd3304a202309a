/** Servers for bytes and datagrams, over both IP versions, that do what the first bytes say. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

export const TCP_PORT = 7000;
export const UDP_PORT = 7001;
export const OTHER_UDP_PORT = 7002;
/** What `b` sends. */
export const BULK_BYTES = 16 << 20;

export async function serveEchoes(): Promise<void> {
  const tcp = createServer({ allowHalfOpen: true }, answerTcp);
  tcp.listen(TCP_PORT, '::');
  await once(tcp, 'listening');
  for (const type of ['udp4', 'udp6'] as const) {
    const [udp, other] = [UDP_PORT, OTHER_UDP_PORT].map((port) => {
      const socket = createSocket({ type, ipv6Only: type === 'udp6' });
      socket.bind(port);
      return socket;
    });
    await Promise.all([udp, other].map((socket) => once(socket, 'listening')));
    udp.on('message', (message, { port, address }) => {
      const text = message.toString('latin1', 0, 20);
      // `port`: which one it comes from. `elsewhere`: answered from another port, as TFTP does.
      if (text.startsWith('port')) udp.send(String(port), port, address);
      else if (text.startsWith('elsewhere')) other.send('from another port', port, address);
      else udp.send(message, port, address);
    });
    other.on('message', (_message, { port, address }) => other.send(String(port), port, address));
  }
}

/** By the first byte: `e` echoes until the end, `a` answers after it, `r` resets, `t` says why and resets, `b` sends a lot. */
function answerTcp(socket: Socket): void {
  socket.on('error', () => {});
  socket.once('data', (first) => {
    switch (String.fromCharCode(first[0])) {
      case 'e':
        socket.write(first);
        socket.pipe(socket);
        break;
      case 'a': {
        let bytes = first.length;
        socket.on('data', ({ length }) => (bytes += length));
        socket.on('end', () => socket.end(`had ${bytes}`));
        break;
      }
      case 'r':
        socket.resetAndDestroy();
        break;
      case 't':
        socket.write('too large', () => socket.resetAndDestroy());
        break;
      case 'b':
        socket.end(Buffer.alloc(BULK_BYTES, 'x'));
        break;
      default:
        socket.destroy();
    }
  });
}
