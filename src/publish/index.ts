/** What of the sandbox appears on the host, and what of the host in the sandbox. */

export { type HostPorts, openHostPorts } from './inward/host-ports.ts';
export { HostPortSet } from './inward/ports.ts';
export { publish, type Published } from './outward/publish.ts';
export type { HostPortRule, ProxyHeader, PublishedPort, PublishRule, StreamRule } from './rules.ts';
export { Splices } from './tcp/splices.ts';
