/** The rest of the network: ways out, and the names that are looked up there. */

export {
  type DatagramFlow,
  type DatagramFlowEvents,
  type DatagramPort,
  type Dialer,
  DIRECT,
  type EchoProbe,
  type EgressDestination,
} from './dialer.ts';
export { DirectDialer } from './direct.ts';
export { HostResolvers, type ResolverConfig } from './dns/resolver-config.ts';
export { UpstreamDns, type UpstreamOptions } from './dns/upstream.ts';
export { type FlowMeter, metered } from './meter.ts';
export { proxyDialer, type ProxyDialerOptions } from './proxy/dialer.ts';
export { parseProxy, type ProxyEndpoint } from './proxy/url.ts';
export { dialTcp, type HostDial } from './tcp/dial.ts';
export { HostStream } from './tcp/host-stream.ts';
export { DatagramRelay, type DatagramRelayOptions, type DatagramRoute } from './udp/relay.ts';
