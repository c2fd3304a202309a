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

import type { OpenPort, OpenPorts, Sandbox } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import { addressOf, hostAndPort, isLoopback, LOOPBACK, type Loopback } from '../addresses.ts';
import { PortWatch } from '../port-watch.ts';
import type { Splices } from '../tcp/splices.ts';
import { dialHostLoopback } from './host-dial.ts';
import { HOST_NAME } from './endpoint.ts';
import type { HostPortSet } from './ports.ts';

/** Ports at once; past it the rest is at host.kns.internal alone, which is told once. */
const MAX_PORTS = 512;

export interface MirrorOptions {
  readonly sandbox: Pick<Sandbox, 'listenInside'>;
  readonly wanted: HostPortSet;
  /** Ports of the host that lead into this sandbox. */
  readonly isPublished: (hostPort: number) => boolean;
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

interface Place {
  readonly address: Loopback;
  readonly port: number;
}

interface Entry {
  close?: () => void;
  gone?: true;
}

export class Mirror {
  readonly #options: MirrorOptions;
  readonly #entries = new Map<string, Entry>();
  /** Where programs of the sandbox were met. */
  readonly #told = new Set<string>();
  #fullTold = false;
  #watch: PortWatch<Open> | undefined;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** Has what is open now listened on when it returns. @throws what OpenPorts does */
  async start(): Promise<void> {
    const { log } = this.#options;
    const first = this.#read();
    await this.#follow(first);
    this.#watch = new PortWatch(first, {
      read: () => this.#read(),
      onChange: (open) => void this.#follow(open),
      onFailure: (error) => log.debug(`--host-port: ${String(error)}`),
    });
  }

  close(): void {
    this.#watch?.close();
    for (const key of this.#entries.keys()) this.#withdraw(key);
  }

  #read(): Open {
    const { host, inside } = this.#options;
    return { host: host.read('tcp'), inside: inside.read('tcp') };
  }

  async #follow({ host, inside }: Open): Promise<void> {
    const places = this.#placesOf(host);
    for (const key of this.#entries.keys()) if (!places.has(key)) this.#withdraw(key);
    const added = [...places].filter(([key]) => !this.#entries.has(key));
    await Promise.all(added.map(([key, place]) => this.#add(key, place, inside)));
  }

  #placesOf(host: readonly OpenPort[]): Map<string, Place> {
    const { wanted, isPublished, except, log } = this.#options;
    const reachable = new Set(host.filter((one) => isLoopback(addressOf(one))).map(({ port }) => port));
    const ports = [...reachable].filter(
      (port) => wanted.has('tcp', port) && !isPublished(port) && !except.has(port),
    );
    if (ports.length > MAX_PORTS && !this.#fullTold) {
      this.#fullTold = true;
      log.warn(
        `--host-port: the host has more than ${MAX_PORTS} ports open; the rest is at ${HOST_NAME} alone`,
      );
    }
    const places = ports
      .slice(0, MAX_PORTS)
      .flatMap((port) => LOOPBACK.map((address): Place => ({ address, port })));
    return new Map(places.map((place) => [hostAndPort(place.address, place.port), place]));
  }

  async #add(key: string, place: Place, inside: readonly OpenPort[]): Promise<void> {
    const holder = inside.find((one) => isInTheWay(one, place));
    if (holder !== undefined) {
      if (!holder.ours) this.#tell(key, place.port);
      return;
    }
    const { sandbox, splices, log } = this.#options;
    const { address, port } = place;
    const server = splices.server({ label: `host port ${port}`, dial: dialHostLoopback(port, address) });
    const entry: Entry = {};
    this.#entries.set(key, entry);
    try {
      await sandbox.listenInside(server, place);
      if (entry.gone) server.close();
      else entry.close = () => void server.close();
    } catch (error) {
      // Bound by a program that does not listen yet, or the sandbox has no IPv6. A change has it tried again.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      log.debug(`host port ${port}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Of a port that was asked for, it is something the user must know. */
  #tell(key: string, port: number): void {
    const { wanted, log } = this.#options;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    log[wanted.isNamed('tcp', port) ? 'warn' : 'info'](
      `${key} in the sandbox is a program of its own; port ${port} of the host is at ${HOST_NAME}:${port}`,
    );
  }

  #withdraw(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry === undefined) return;
    entry.gone = true;
    entry.close?.();
  }
}

/** Whether a bind of the place would fail. One to `::` has the port of all IPv4 addresses too, most likely. */
function isInTheWay(one: OpenPort, { address, port }: Place): boolean {
  return one.port === port && (addressOf(one) === address || one.address === '::');
}
