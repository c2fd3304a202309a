/** What the network in the sandbox looks like. */

import { type Command, Option } from 'commander';
import type { LinkOptions } from '../../../sandbox/index.ts';
import { CLUSTER_DOMAIN, parseClusterDomain } from '../../names/service-names.ts';
import { given } from '../values/given.ts';

type LinkKind = NonNullable<LinkOptions['kind']>;

export interface NetworkOptions {
  readonly cidr: string;
  readonly cidr6: string;
  /** How the sandbox's interface is made. */
  readonly link: LinkKind;
  /** The domain of the clusters. */
  readonly clusterDomain: string;
  /** Whether the contexts' API servers are reachable in the sandbox. */
  readonly apiServer: boolean;
  /** Where each packet is written down. */
  readonly pcapFile?: string;
}

const LINKS: readonly LinkKind[] = ['auto', 'tun', 'veth'];

const DEFAULT_CIDR = '10.0.1.0/24';
const DEFAULT_CIDR6 = 'fd6b:6e73::/64';

export function addNetworkOptions(program: Command): void {
  program
    .optionsGroup('Network:')
    .option('--cidr <range>', 'IPv4 range for the addresses in the sandbox', DEFAULT_CIDR)
    .option('--cidr6 <range>', 'the same for IPv6', DEFAULT_CIDR6)
    .addOption(
      new Option('--link <kind>', "how the sandbox's interface is made")
        .choices(LINKS)
        .default('auto')
        .env('KNS_ROOTLESS_LINK'),
    );
  addClusterDomain(program);
  program
    .option('--no-api-server', "no way to the context's API server, for kubectl inside")
    .option('--pcap <file>', 'write each packet of the sandbox there, for Wireshark or tcpdump -r');
}

export function readNetworkOptions(program: Command): NetworkOptions {
  const { cidr, cidr6, link, apiServer, pcap } = program.opts<NetworkOptions & { pcap?: string }>();
  const clusterDomain = readClusterDomain(program);
  return { cidr, cidr6, link, clusterDomain, apiServer, ...given({ pcapFile: pcap }) };
}

export function addClusterDomain(program: Command): void {
  program.addOption(
    new Option('--cluster-domain <name>', 'domain of the clusters')
      .argParser(parseClusterDomain)
      .default(CLUSTER_DOMAIN),
  );
}

export function readClusterDomain(program: Command): string {
  return program.opts<NetworkOptions>().clusterDomain;
}
