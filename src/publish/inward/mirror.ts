/**
 * Servers of the host's loopback, met on the sandbox's own: 127.0.0.1 and ::1.
 *
 *     program ── 127.0.0.1:5432 of the sandbox ── a server of ours there ── 127.0.0.1:5432 of the host
 *
 * A port is listened on in the sandbox while somebody listens on it on the
 * host. So what waits for a port to open, or looks whether it is free, sees
 * there what it sees on the host, a moment later; and a server that is started
 * after the sandbox is met as well.
 *
 * A port is one program's. Who binds it first has it: where a program of the
 * sandbox listens, ours steps back and says so, until that one has ended. Where
 * ours listens, bind(2) in the sandbox says EADDRINUSE, as it does on the host.
 * No option of a socket can help that: SO_REUSEADDR does not count against a
 * socket that listens, and SO_REUSEPORT would have to be set by the program as
 * well, and have the two share connections at random (socket(7)). What is
 * published is the sandbox's own, and never mirrored.
 */

import type { Server } from 'node:net';
import type { OpenPort, OpenPorts, Sandbox } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import { addressOf, isLoopback, LOOPBACK, type Loopback } from '../addresses.ts';
import { PortWatch } from '../port-watch.ts';
import type { Splices } from '../tcp/splices.ts';
import { dialHostLoopback } from './host-dial.ts';
import { HOST_NAME } from './endpoint.ts';
import type { HostPortSet } from './ports.ts';

/** Ports at once, a server or two each; past it the rest is at host.kns.internal alone, which is told once. */
const MAX_PORTS = 512;

export interface MirrorOptions {
  readonly sandbox: Pick<Sandbox, 'listenInside'>;
  readonly wanted: HostPortSet;
  /** Of ports of the host, whether they lead into this sandbox. */
  readonly leadsBack: (hostPort: number) => boolean;
  /** Ports of the sandbox that are for its own programs. */
  readonly except: ReadonlySet<number>;
  readonly host: OpenPorts;
  readonly inside: OpenPorts;
  readonly splices: Splices;
  readonly log: Log;
}

interface Open {
  readonly host: readonly OpenPort[];
  readonly inside: readonly OpenPort[];
}

/** A port of the sandbox at which one of the host is met, at both addresses of its loopback. */
interface Entry {
  readonly servers: Server[];
  gone?: true;
}

export class Mirror {
  readonly #options: MirrorOptions;
  readonly #entries = new Map<number, Entry>();
  /** Ports that programs of the sandbox have, or had. */
  readonly #told = new Set<number>();
  #fullTold = false;
  #watch: PortWatch<Open> | undefined;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** Has what is open now listened on when it returns. @throws what OpenPorts does */
  async start(): Promise<void> {
    const { log } = this.#options;
    const first = this.#read();
    this.#watch = new PortWatch(first, {
      read: () => this.#read(),
      onChange: (open) => void this.#follow(open),
      onFailure: (error) => log.debug(`--host-port: ${String(error)}`),
    });
    await this.#follow(first);
  }

  close(): void {
    this.#watch?.close();
    for (const port of this.#entries.keys()) this.#withdraw(port);
  }

  #read(): Open {
    const { host, inside } = this.#options;
    return { host: host.read('tcp'), inside: inside.read('tcp') };
  }

  async #follow({ host, inside }: Open): Promise<void> {
    const ports = this.#portsOf(host);
    for (const port of this.#entries.keys()) if (!ports.has(port)) this.#withdraw(port);
    const onLoopback = inside.filter(isOnLoopback);
    const programs = new Set(onLoopback.filter(({ ours }) => !ours).map(({ port }) => port));
    const ours = new Set(onLoopback.filter(({ ours }) => ours).map(({ port }) => port));
    const opening: Promise<void>[] = [];
    for (const port of ports) {
      if (programs.has(port)) {
        // It may have come between a look and our own bind, and have one address of the two.
        this.#withdraw(port);
        this.#tell(port);
      } else if (!this.#entries.has(port) && !ours.has(port)) opening.push(this.#open(port));
    }
    await Promise.all(opening);
  }

  /** Of the sandbox, those at which something of the host is to be met now. */
  #portsOf(host: readonly OpenPort[]): Set<number> {
    const { wanted, leadsBack, except, log } = this.#options;
    const open = new Set(host.filter(isOnLoopback).map(({ port }) => port));
    const ports = [...open]
      .filter((hostPort) => !leadsBack(hostPort))
      .flatMap((hostPort) => wanted.portsOf('tcp', hostPort))
      .filter((port) => !except.has(port));
    if (ports.length > MAX_PORTS && !this.#fullTold) {
      this.#fullTold = true;
      log.warn(
        `--host-port: the host has more than ${MAX_PORTS} ports open; the rest is at ${HOST_NAME} alone`,
      );
    }
    return new Set(ports.slice(0, MAX_PORTS));
  }

  async #open(port: number): Promise<void> {
    const entry: Entry = { servers: [] };
    this.#entries.set(port, entry);
    const [first, second] = LOOPBACK;
    // A sandbox without IPv6 has the first alone.
    if (await this.#listen(entry, first, port)) await this.#listen(entry, second, port);
    else if (this.#entries.get(port) === entry) {
      // Bound by a program that does not listen, which no table shows.
      this.#entries.delete(port);
      this.#watch?.tellAgain();
    }
  }

  /** @returns whether it could be had */
  async #listen(entry: Entry, address: Loopback, port: number): Promise<boolean> {
    const { sandbox, splices, log } = this.#options;
    const hostPort = this.#hostPortOf(port);
    const server = splices.server({
      label: `host port ${hostPort}`,
      dial: dialHostLoopback(hostPort, address),
    });
    try {
      await sandbox.listenInside(server, { address, port });
      if (entry.gone) server.close();
      else entry.servers.push(server);
      return true;
    } catch (error) {
      log.debug(`host port ${hostPort}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** Of a port that was asked for by itself, it is something that the user must know. */
  #tell(port: number): void {
    const { wanted, log } = this.#options;
    if (this.#told.has(port)) return;
    this.#told.add(port);
    log[wanted.isNamed('tcp', port) ? 'warn' : 'info'](
      `port ${port} in the sandbox is a program of its own; that of the host is at ${HOST_NAME}:${this.#hostPortOf(port)}`,
    );
  }

  #hostPortOf(port: number): number {
    return this.#options.wanted.hostPortOf('tcp', port) ?? port;
  }

  #withdraw(port: number): void {
    const entry = this.#entries.get(port);
    this.#entries.delete(port);
    if (entry === undefined) return;
    entry.gone = true;
    for (const server of entry.servers) server.close();
  }
}

function isOnLoopback(one: OpenPort): boolean {
  return isLoopback(addressOf(one));
}
