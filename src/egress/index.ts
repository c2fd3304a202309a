/** The rest of the network: ways out, and the names that are looked up there. */

export { type Dialer, DIRECT } from './dialer.ts';
export { DirectDialer } from './direct.ts';
export { HostResolvers, parseResolverConfig } from './dns/resolver-config.ts';
export { UpstreamDns } from './dns/upstream.ts';
export { type FlowMeter, metered } from './meter.ts';
export { openFileLimit } from './open-files.ts';
export { proxyDialer } from './proxy/dialer.ts';
export { parseProxy, type ProxyEndpoint } from './proxy/url.ts';
export { dialTcp, type HostDial } from './tcp/dial.ts';
export { HostStream } from './tcp/host-stream.ts';
export { reset, type Resettable } from './tcp/reset.ts';
export { Resets } from './tcp/resets.ts';
export { DatagramRelay, type DatagramRoute } from './udp/relay.ts';
