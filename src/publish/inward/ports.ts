/** Which ports of the host's loopback the sandbox may have. */

import type { PortProtocol } from '../../../sandbox/index.ts';
import type { HostPortRule } from '../rules.ts';

type Ranges = readonly Extract<HostPortRule, { kind: 'ports' }>[];

export class HostPortSet {
  readonly isAll: boolean;
  readonly #ranges: Ranges;

  constructor(rules: readonly HostPortRule[]) {
    this.isAll = rules.some(({ kind }) => kind === 'all');
    this.#ranges = rules.filter((rule) => rule.kind === 'ports');
  }

  has(protocol: PortProtocol, port: number): boolean {
    return (protocol === 'tcp' && this.isAll) || this.isNamed(protocol, port);
  }

  /** Asked for by itself, and not as one of all. */
  isNamed(protocol: PortProtocol, port: number): boolean {
    return this.#ranges.some(
      (range) => range.protocol === protocol && port >= range.first && port <= range.last,
    );
  }

  /** Those that were named. */
  list(protocol: PortProtocol): readonly number[] {
    const named = this.#ranges
      .filter((range) => range.protocol === protocol)
      .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
    return [...new Set(named)];
  }
}
