/** What of the sandbox is to appear on the host, and what of the host in the sandbox. */

import type { PortProtocol } from '../../sandbox/index.ts';
import type { Dial } from '../relay/relay.ts';

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

/** `-p [addr:]hostPort:svc/name[:port]`: what is reached by a stream, without the sandbox's network. */
export interface StreamRule extends Omit<FixedRule, 'kind' | 'protocol' | 'port'> {
  readonly kind: 'stream';
  readonly protocol: 'tcp';
  /** What is met there, as the user writes it. */
  readonly target: string;
  /** How it is dialled now; asked for each connection. The signal gives it up. @throws where it can't be */
  readonly open: (signal: AbortSignal) => Promise<Dial>;
}

export type PublishRule = FixedRule | AutoRule | StreamRule;

/** `--host-port`: these ports of the host's loopback, at these of the sandbox's; `all` are those of TCP, as they are. */
export type HostPortRule =
  | { readonly kind: 'all' }
  | {
      readonly kind: 'ports';
      readonly protocol: PortProtocol;
      /** Of the sandbox. */
      readonly first: number;
      readonly last: number;
      /** Of the host, the one that the first leads to, and so on. */
      readonly hostFirst: number;
    };

/** What is met at a port of the host: a port of the sandbox, or what a StreamRule names. */
export type Lead =
  | { readonly port: number; readonly target?: never }
  | { readonly target: string; readonly port?: never };

export type PublishedPort = {
  readonly protocol: PortProtocol;
  readonly hostAddress: string;
  readonly hostPort: number;
} & Lead;
