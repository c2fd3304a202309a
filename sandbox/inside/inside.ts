/**
 * This process in the sandbox's own network: servers of ours that programs in
 * the sandbox connect to, connections of ours to servers in there, and which
 * ports are open.
 *
 * kns-netns makes the sockets in there, and Node takes their fds over. The
 * kernel carries what goes through them by its loopback, or by kns0; the stack
 * has no part in it.
 */

import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import type { NetnsHelper } from '../helper.ts';
import type { Addon } from '../native/addon.ts';
import { OpenPorts } from '../ports.ts';
import { type ConnectOptions, connectInside, datagramsInside } from './connect.ts';
import { type InsideAddress, openListener } from './listen.ts';
import { InsideSockets, orClose } from './sockets.ts';

export class Inside {
  readonly #api: Addon;
  readonly #helper: NetnsHelper;
  readonly #sockets: InsideSockets;
  /** Inodes of what we have bound. */
  readonly #ours = new Set<number>();

  constructor(api: Addon, helper: NetnsHelper) {
    this.#api = api;
    this.#helper = helper;
    this.#sockets = new InsideSockets(helper);
  }

  /** Has the server listen there; its `address()` tells the port. @throws SandboxError LISTEN_FAILED */
  async listen(server: Server, at: InsideAddress): Promise<void> {
    const fd = await openListener(this.#helper, 'tcp', at);
    this.#adopt(fd, server, () => server.listen({ fd, exclusive: true }));
    await once(server, 'listening');
  }

  /** Has the socket, udp4 or udp6 as the address is, receive there. @throws SandboxError LISTEN_FAILED */
  async bind(socket: DatagramSocket, at: InsideAddress): Promise<void> {
    const fd = await openListener(this.#helper, 'udp', at);
    // Node binds a socket to an fd before it returns, 'listening' emitted.
    this.#adopt(fd, socket, () => socket.bind({ fd, exclusive: true }));
  }

  /** A connection to a server in there. @throws what connect(2) says; HelperGone and HelperRefused */
  connect(to: InsideAddress, options?: ConnectOptions): Promise<Socket> {
    return connectInside(this.#sockets, to, options);
  }

  /** A UDP socket that sends to there and receives from there alone. @throws HelperGone, HelperRefused */
  datagrams(to: InsideAddress): Promise<DatagramSocket> {
    return datagramsInside(this.#sockets, to);
  }

  /** @throws HelperGone, HelperRefused */
  async ports(): Promise<OpenPorts> {
    return new OpenPorts(this.#api, await this.#sockets.make('diag'), (inode) => this.#ours.has(inode));
  }

  close(): void {
    this.#sockets.close();
  }

  /** At a server that listens already, for instance, Node throws. */
  #adopt(fd: number, owner: Server | DatagramSocket, take: () => void): void {
    const { ino } = fstatSync(fd);
    orClose(fd, take);
    this.#ours.add(ino);
    owner.once('close', () => this.#ours.delete(ino));
  }
}
