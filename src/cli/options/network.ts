/** What the network in the sandbox looks like. */

import type { Command } from 'commander';

export interface NetworkOptions {
  readonly cidr: string;
}

const DEFAULT_CIDR = '10.0.1.0/24';

export function addNetworkOptions(program: Command): void {
  program
    .optionsGroup('Network:')
    .option('--cidr <range>', 'IPv4 range for the addresses in the sandbox', DEFAULT_CIDR);
}

export function readNetworkOptions(program: Command): NetworkOptions {
  const { cidr } = program.opts<NetworkOptions>();
  return { cidr };
}
