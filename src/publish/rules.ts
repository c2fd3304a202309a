/** What of the sandbox is to appear on the host, and what of the host in the sandbox. */

import type { PortProtocol } from '../../sandbox/index.ts';

/** How the first bytes of a connection tell whom it comes from. */
export type ProxyHeader = 'v1' | 'v2';

/** `-p [addr:]hostPort:port`. */
export interface FixedRule {
  readonly kind: 'fixed';
  readonly protocol: PortProtocol;
  /** Of the host; undefined is its loopback, 127.0.0.1 and ::1. */
  readonly address?: string;
  /** 0 has a free one chosen. */
  readonly hostPort: number;
  /** Of the sandbox. */
  readonly port: number;
  readonly proxyHeader?: ProxyHeader;
}

/** `-p auto`: every port that opens in the sandbox. */
export interface AutoRule {
  readonly kind: 'auto';
  readonly protocol: PortProtocol;
}

export type PublishRule = FixedRule | AutoRule;

/** `--host-port`: these ports of the host's loopback; `all` are those of TCP. */
export type HostPortRule =
  | { readonly kind: 'all' }
  | {
      readonly kind: 'ports';
      readonly protocol: PortProtocol;
      readonly first: number;
      readonly last: number;
    };

/** A port of the sandbox that is to be met on the host. */
export interface PublishedPort {
  readonly protocol: PortProtocol;
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly port: number;
}
