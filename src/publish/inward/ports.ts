/** Which ports of the host's loopback the sandbox may have, and at which of its own. */

import type { PortProtocol } from '../../../sandbox/index.ts';
import type { HostPortRule } from '../rules.ts';

type Range = Extract<HostPortRule, { kind: 'ports' }>;

/** A port of the sandbox's loopback, and that of the host's which it leads to. */
export interface PortPair {
  readonly port: number;
  readonly hostPort: number;
}

export class HostPortSet {
  readonly isAll: boolean;
  readonly #ranges: readonly Range[];

  constructor(rules: readonly HostPortRule[]) {
    this.isAll = rules.some(({ kind }) => kind === 'all');
    this.#ranges = rules.filter((rule) => rule.kind === 'ports');
  }

  /** Whether a port of the host's may be had at all. */
  hasHost(protocol: PortProtocol, hostPort: number): boolean {
    return (
      this.#hasAll(protocol) || this.#ranges.some((range) => portIn(range, protocol, hostPort) !== undefined)
    );
  }

  /** Where a port of the sandbox leads. One that is named goes before the same of all. */
  hostPortOf(protocol: PortProtocol, port: number): number | undefined {
    const named = this.#rangeOf(protocol, port);
    if (named !== undefined) return named.hostFirst + port - named.first;
    return this.#hasAll(protocol) ? port : undefined;
  }

  /** Which ports of the sandbox lead to one of the host's. */
  portsOf(protocol: PortProtocol, hostPort: number): readonly number[] {
    const named = this.#ranges.map((range) => portIn(range, protocol, hostPort));
    const all = [...named, hostPort].filter((port) => port !== undefined);
    return [...new Set(all)].filter((port) => this.hostPortOf(protocol, port) === hostPort);
  }

  /** A port of the sandbox that was asked for by itself, and not as one of all. */
  isNamed(protocol: PortProtocol, port: number): boolean {
    return this.#rangeOf(protocol, port) !== undefined;
  }

  /** Those that were named. */
  list(protocol: PortProtocol): readonly PortPair[] {
    const named = this.#ranges
      .filter((range) => range.protocol === protocol)
      .flatMap(({ first, last, hostFirst }) =>
        Array.from({ length: last - first + 1 }, (_, i): [number, number] => [first + i, hostFirst + i]),
      );
    return [...new Map(named)].map(([port, hostPort]) => ({ port, hostPort }));
  }

  #hasAll(protocol: PortProtocol): boolean {
    return protocol === 'tcp' && this.isAll;
  }

  #rangeOf(protocol: PortProtocol, port: number): Range | undefined {
    return this.#ranges.find(
      (range) => range.protocol === protocol && port >= range.first && port <= range.last,
    );
  }
}

/** Of the sandbox, where the range leads to this port of the host. */
function portIn(
  { first, last, hostFirst, protocol: own }: Range,
  protocol: PortProtocol,
  hostPort: number,
): number | undefined {
  const port = first + hostPort - hostFirst;
  return own === protocol && port >= first && port <= last ? port : undefined;
}
