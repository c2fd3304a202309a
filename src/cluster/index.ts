/**
 * The Kubernetes side: from a kubeconfig to streams to pods.
 *
 *     access/    the cluster the user means         kubeconfig, selection, credentials/
 *     agent/     connections, by whatever proxy     agent, shared-reads, tunnel, proxy-choice
 *     api/       requests, streams and upgrades     client, connections, errors
 *     discovery  Services and endpoints             discovery/
 *     forward/   one connection: pod, grace, replay, half-close; pool and choice of transport
 *     spdy/      many streams in one pipe           frames, stream-pair, connection
 *     channels   one WebSocket per connection
 *     pipe/      the upgraded socket, or a WebSocket on it
 */
export { type AccessOptions, type ClusterAccess, loadAccess } from './access/access.ts';
export { candidateFiles, type Kubeconfig, loadKubeconfig } from './access/kubeconfig.ts';
export { sourcesOf, standaloneKubeconfig } from './access/standalone.ts';
export { type ServerTrust, tunnelFor } from './agent/agent.ts';
export { bareHost } from './agent/proxy-choice.ts';
export { ApiClient } from './api/client.ts';
export type { Inspection, Validity } from './api/inspection.ts';
export { answered } from './api/errors.ts';
export { type Cluster, type ConnectOptions, connectCluster, connectUnread } from './cluster.ts';
export { Discovery, type Selection } from './discovery/discovery.ts';
export type { Picked } from './discovery/picks.ts';
export type { Target } from './discovery/endpoints.ts';
export { unknownNamespace } from './discovery/feeds/explain.ts';
export type { Owner } from './discovery/catalog.ts';
export { ClusterError, reasonOf } from './errors.ts';
export { TRANSPORTS, TransportLadder, type TransportName } from './forward/ladder.ts';
export { DEFAULT_LIMITS, type ForwardLimits } from './forward/limits.ts';
export type { ClusterLog } from './log.ts';
export type { EndpointPod } from './discovery/endpoints.ts';
export { hasPort, keyOf, type ServiceId, type ServiceRecord } from './discovery/services.ts';
