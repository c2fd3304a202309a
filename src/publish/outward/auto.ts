/**
 * Every port that opens in the sandbox, on the host's 127.0.0.1 for as long as
 * it is open.
 *
 * It has the same number there, unless somebody has that already, or it is not
 * for ordinary users: then a free one, which is told, and is the same again when
 * the program comes back. What this process itself serves in the sandbox is
 * left out, and so is what is published anyway.
 *
 * Of UDP, a port that the kernel chose is most likely a client's, and left out.
 */

import { UsageError } from '../../errors.ts';
import type { Log } from '../../observe/log.ts';
import type { OpenPort, OpenPorts, PortProtocol } from '../../../sandbox/index.ts';
import { hostAndPort } from '../../host-and-port.ts';
import { LOOPBACK } from '../addresses.ts';
import { PortWatch } from '../port-watch.ts';
import type { PublishedPort } from '../rules.ts';
import type { HostSide, Serving, Wanted } from './host-side.ts';

/** At once, of each protocol; past it a port is not published, which is told once. */
const MAX_PORTS = 256;
/** Where the kernel begins to choose from (ip(7), ip_local_port_range) in a new network namespace. */
const FIRST_CHOSEN = 32_768;
const ELSEWHERE = new Set(['HOST_PORT_TAKEN', 'HOST_PORT_PRIVILEGED']);

export interface AutoPublisherOptions {
  readonly protocol: PortProtocol;
  readonly ports: OpenPorts;
  readonly hostSide: HostSide;
  /** Ports of the sandbox that are not to be published. */
  readonly except: ReadonlySet<number>;
  readonly log: Log;
}

interface Entry {
  /** undefined while it is on its way. */
  serving?: Serving;
  gone?: true;
}

export class AutoPublisher {
  readonly #options: AutoPublisherOptions;
  readonly #entries = new Map<number, Entry>();
  /** Ports of the host that others than their namesakes had once. */
  readonly #elsewhere = new Map<number, number>();
  readonly #watch: PortWatch<OpenPort[]>;
  #fullTold = false;

  /** @throws what OpenPorts does */
  constructor(options: AutoPublisherOptions) {
    const { ports, protocol, log } = options;
    this.#options = options;
    const first = ports.read(protocol);
    this.#watch = new PortWatch(first, {
      read: () => ports.read(protocol),
      onChange: (open) => this.#follow(open),
      onFailure: (error) => log.debug(`-p auto: ${String(error)}`),
    });
    this.#follow(first);
  }

  get published(): readonly PublishedPort[] {
    return [...this.#entries.values()].flatMap(({ serving }) => (serving === undefined ? [] : [serving.at]));
  }

  close(): void {
    this.#watch.close();
    for (const port of this.#entries.keys()) this.#withdraw(port);
  }

  #follow(open: readonly OpenPort[]): void {
    const wanted = new Set(open.filter((one) => this.#isWanted(one)).map(({ port }) => port));
    for (const port of this.#entries.keys()) if (!wanted.has(port)) this.#withdraw(port);
    for (const port of wanted) if (!this.#entries.has(port)) this.#add(port);
  }

  #isWanted({ port, ours }: OpenPort): boolean {
    const { protocol, except } = this.#options;
    return !ours && !except.has(port) && !(protocol === 'udp' && port >= FIRST_CHOSEN);
  }

  #add(port: number): void {
    const { log } = this.#options;
    if (this.#entries.size >= MAX_PORTS) {
      if (!this.#fullTold) log.warn(`-p auto: port ${port} and others are not published: ${MAX_PORTS} are`);
      this.#fullTold = true;
      return;
    }
    const entry: Entry = {};
    this.#entries.set(port, entry);
    void this.#open(port, entry);
  }

  async #open(port: number, entry: Entry): Promise<void> {
    try {
      const serving = await this.#serve(port);
      if (entry.gone) serving.close();
      else entry.serving = serving;
    } catch (error) {
      this.#options.log.warn(`-p auto: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #serve(port: number): Promise<Serving> {
    const { hostSide, protocol, log } = this.#options;
    const [address] = LOOPBACK;
    const place = { protocol, address, inside: port };
    const label = protocol === 'udp' ? `port ${port}/udp` : `port ${port}`;
    try {
      const serving = await hostSide.serve({ ...place, port });
      log.info(`${label} is published at ${hostAndPort(address, port)}`);
      return serving;
    } catch (error) {
      if (!(error instanceof UsageError && ELSEWHERE.has(error.code))) throw error;
      const serving = await this.#serveElsewhere(place);
      const { hostPort } = serving.at;
      log.warn(`${label} is published at ${hostAndPort(address, hostPort)}: ${error.message}`);
      return serving;
    }
  }

  /** Where it was before, if that is free still. */
  async #serveElsewhere(place: Omit<Wanted, 'port'>): Promise<Serving> {
    const { hostSide } = this.#options;
    const before = this.#elsewhere.get(place.inside) ?? 0;
    const serving = await hostSide
      .serve({ ...place, port: before })
      .catch(() => hostSide.serve({ ...place, port: 0 }));
    this.#elsewhere.set(place.inside, serving.at.hostPort);
    return serving;
  }

  #withdraw(port: number): void {
    const entry = this.#entries.get(port);
    this.#entries.delete(port);
    if (entry === undefined) return;
    entry.gone = true;
    entry.serving?.close();
  }
}
