/** What all connections of a cluster share, put together. */
import type { ApiClient } from '../api/client.ts';
import type { EndpointPod } from '../discovery/endpoints.ts';
import type { ClusterError } from '../errors.ts';
import type { ClusterLog } from '../log.ts';
import { IdleBlocks } from '../../relay/read-blocks.ts';
import { Balancer } from './balancer.ts';
import { HalfClosed } from './dial/half-closed.ts';
import { KnownGood } from './known-good.ts';
import { TransportLadder, type TransportName } from './ladder.ts';
import type { ForwardLimits } from './limits.ts';
import { ConnectionPool } from './pool/pool.ts';
import { podExists } from './presence.ts';

export interface Forwarder {
  readonly pool: ConnectionPool;
  readonly balancer: Balancer;
  readonly limits: ForwardLimits;
  readonly knownGood: KnownGood;
  readonly halfClosed: HalfClosed;
  readonly idleBlocks: IdleBlocks;
  readonly log: ClusterLog;
  /** Tells the user, once in a while, what keeps all connections from being made. */
  report(error: ClusterError): void;
}

export interface ForwarderOptions {
  readonly limits: ForwardLimits;
  readonly log: ClusterLog;
  /** The transports that may be used, in this order; all of them unless given. */
  readonly transports?: readonly TransportName[] | undefined;
  readonly report: (error: ClusterError) => void;
}

export function createForwarder(api: ApiClient, options: ForwarderOptions): Forwarder {
  const { limits, log, transports, report } = options;
  const ladder = new TransportLadder(api, limits, log, transports);
  const exists = (pod: EndpointPod): Promise<boolean> => podExists(api, pod);
  return {
    pool: new ConnectionPool({ ladder, limits, log, podExists: exists }),
    balancer: new Balancer(limits),
    limits,
    knownGood: new KnownGood(limits.knownGoodMs),
    halfClosed: new HalfClosed(limits),
    idleBlocks: new IdleBlocks(),
    log,
    report,
  };
}
