/** A TCP relay of this machine, in place of the network to a server: it can be cut, and it can fall silent. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, isIPv6, type Server, type Socket } from 'node:net';

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(target: { readonly hostname: string; readonly port: string }) {
    this.#server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  /** @returns the URL of the server as it is to be asked for now. @param address an address of this machine */
  async start(address = '127.0.0.1'): Promise<URL> {
    this.#server.listen(this.#port, address);
    await once(this.#server, 'listening');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    this.#port = (this.#server.address() as AddressInfo).port;
    return new URL(`https://${isIPv6(address) ? `[${address}]` : address}:${this.#port}`);
  }

  /** Nobody listens any more, and every connection is reset. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  /** What is connected now stays so, and nothing comes through any more; new connections work. */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }
}
