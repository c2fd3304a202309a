/** Connections to an API server through the proxy that its kubeconfig or the environment names. */

import { type ServerTrust, tunnelFor } from '../../cluster/index.ts';
import type { HostDial } from '../../egress/index.ts';

/** The proxy resolves the name. The tunnel has a limit of its own. */
export function dialThrough(proxy: URL, host: string, port: number, trust: ServerTrust): HostDial {
  return (signal) => tunnelFor(trust, proxy, { host, port }, signal);
}
