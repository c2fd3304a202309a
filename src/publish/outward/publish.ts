/** Ports of the sandbox on the host, those that are named and those that open; and what is reached by streams. */

import type { Log } from '../../observe/log.ts';
import type { OpenPorts } from '../../../sandbox/index.ts';
import { hostAndPort } from '../../host-and-port.ts';
import { LOOPBACK } from '../addresses.ts';
import { portsUnseen } from '../errors.ts';
import type { AutoRule, FixedRule, PublishedPort, PublishRule, StreamRule } from '../rules.ts';
import { Splices } from '../tcp/splices.ts';
import { AutoPublisher } from './auto.ts';
import { HostSide, type Serving } from './host-side.ts';
import type { InsideNetwork } from './inside-dial.ts';

export interface PublishOptions {
  readonly sandbox: InsideNetwork;
  /** The sandbox's own addresses, beside its loopback. */
  readonly addresses: readonly string[];
  readonly rules: readonly PublishRule[];
  readonly log: Log;
}

/** @throws UsageError as HostSide does, and PORTS_UNSEEN; nothing is left then */
export async function publish({ sandbox, addresses, rules, log }: PublishOptions): Promise<Published> {
  const ports = await portsFor(rules, sandbox, log);
  const splices = new Splices(log, 'near');
  const hostSide = new HostSide({ sandbox, addresses, splices, ports, log });
  const published = new Published(splices, ports);
  try {
    const fixed = rules.filter((rule) => rule.kind === 'fixed');
    const named = rules.filter((rule) => rule.kind !== 'auto');
    for (const rule of named) published.add(...(await serveNamed(rule, hostSide, log)));
    for (const { protocol } of rules.filter((rule): rule is AutoRule => rule.kind === 'auto')) {
      const except = new Set(fixed.filter((rule) => rule.protocol === protocol).map(({ port }) => port));
      if (ports !== undefined)
        published.follow(new AutoPublisher({ protocol, ports, hostSide, except, log }));
    }
    return published;
  } catch (error) {
    await published.close();
    throw error;
  }
}

/** What opens is published by them alone; a UDP port that is named does without, and takes its program to be on 127.0.0.1. */
async function portsFor(
  rules: readonly PublishRule[],
  sandbox: InsideNetwork,
  log: Log,
): Promise<OpenPorts | undefined> {
  const auto = rules.filter(({ kind }) => kind === 'auto');
  if (auto.length === 0 && !rules.some(({ protocol }) => protocol === 'udp')) return undefined;
  let ports: OpenPorts | undefined;
  try {
    ports = await sandbox.portsInside();
    // Each protocol is a kernel module of its own.
    for (const { protocol } of auto) ports.read(protocol);
    return ports;
  } catch (error) {
    ports?.close();
    const unseen = portsUnseen(error, 'sandbox', '--publish');
    if (auto.length > 0) throw unseen;
    log.debug(unseen.message);
    return undefined;
  }
}

/** On the loopback both addresses are served, if the second can be had: `localhost` may be either. */
async function serveNamed(rule: FixedRule | StreamRule, hostSide: HostSide, log: Log): Promise<Serving[]> {
  const { hostPort, proxyHeader } = rule;
  const [address, ...others] = rule.address === undefined ? LOOPBACK : [rule.address];
  const header = proxyHeader && { header: proxyHeader };
  const serve = (at: { readonly address: string; readonly port: number }): Promise<Serving> =>
    rule.kind === 'stream'
      ? hostSide.serveStream({ ...header, ...at, target: rule.target, open: rule.open })
      : hostSide.serve({ ...header, ...at, protocol: rule.protocol, inside: rule.port });
  const first = await serve({ address, port: hostPort });
  const { hostPort: port } = first.at;
  if (hostPort === 0) log.warn(`${nameOf(rule)} is published at ${hostAndPort(address, port)}`);
  const rest = others.map(async (other) => {
    try {
      return [await serve({ address: other, port })];
    } catch (error) {
      log.debug(`${nameOf(rule)}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
  return [first, ...(await Promise.all(rest)).flat()];
}

function nameOf(rule: FixedRule | StreamRule): string {
  if (rule.kind === 'stream') return rule.target;
  return `port ${rule.port}${rule.protocol === 'udp' ? '/udp' : ''}`;
}

export class Published {
  readonly #splices: Splices;
  readonly #openPorts: OpenPorts | undefined;
  readonly #serving: Serving[] = [];
  readonly #auto: AutoPublisher[] = [];

  constructor(splices: Splices, openPorts: OpenPorts | undefined) {
    this.#splices = splices;
    this.#openPorts = openPorts;
  }

  /** What is published at the moment. */
  get ports(): readonly PublishedPort[] {
    return [...this.#serving.map(({ at }) => at), ...this.#auto.flatMap(({ published }) => published)];
  }

  add(...serving: readonly Serving[]): void {
    this.#serving.push(...serving);
  }

  follow(auto: AutoPublisher): void {
    this.#auto.push(auto);
  }

  async close(): Promise<void> {
    for (const auto of this.#auto) auto.close();
    for (const serving of this.#serving) serving.close();
    this.#openPorts?.close();
    await this.#splices.close();
  }
}
