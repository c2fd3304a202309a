/** Which TCP port of a target is meant: by its number, by its name, or the only one that there is. */

import { UsageError } from '../errors.ts';
import type { Cluster } from '../cluster/index.ts';
import type { FoundTarget } from './find-target.ts';

/** @param text the target as the user writes it. Throws `PUBLISH_PORT_UNKNOWN` */
export function targetPort(
  { service, podLabel }: FoundTarget,
  wanted: number | string | undefined,
  { cluster, text }: { readonly cluster: Pick<Cluster, 'hasPort'>; readonly text: string },
): number {
  if (service.type === 'ExternalName')
    throw new UsageError(
      'PUBLISH_PORT_UNKNOWN',
      `${text} is a name for ${service.externalName ?? 'nothing'}, and no port of it is in the cluster`,
      'leave it out, and connect to that name',
    );
  const tcp = service.ports.filter(({ protocol }) => protocol === 'TCP');
  const remedy =
    tcp.length > 0
      ? `write one of its ports behind it: ${tcp.map(({ port, name }) => (name ? `${port} (${name})` : port)).join(', ')}`
      : 'write the number of a port of its pods behind it, if they have one of TCP: a port-forward carries no other';
  const unknown = (what: string): UsageError =>
    new UsageError('PUBLISH_PORT_UNKNOWN', `${text} has ${what}`, remedy);
  if (wanted === undefined) {
    if (tcp.length !== 1) throw unknown(tcp.length > 1 ? 'several TCP ports' : 'no TCP port');
    return tcp[0].port;
  }
  if (typeof wanted === 'string') {
    const named = tcp.find(({ name }) => name === wanted);
    if (named === undefined) throw unknown(`no TCP port called ${wanted}`);
    return named.port;
  }
  // A pod has the ports that it has, whatever the Service makes of them.
  if (podLabel === undefined && !cluster.hasPort(service, wanted)) throw unknown(`no TCP port ${wanted}`);
  return wanted;
}
