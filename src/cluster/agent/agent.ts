/**
 * Agents: connections that are kept and used again, directly or through a proxy.
 *
 * Node's own do the keeping, and with TLS they keep sessions too, per server
 * and credentials, so that a further connection needs no full handshake. What is
 * added is the way through a proxy. The credentials of a connection are part of
 * the name that it is kept under: with a renewed certificate, new ones are made,
 * and those of the old one go when they have been idle.
 */
import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { callbackify } from 'node:util';
import { withSharedReads } from './shared-reads.ts';
import { type Destination, openTunnel } from './tunnel.ts';

/** How a server is to be known. */
export interface ServerTrust {
  /** PEM; without it the authorities that Node trusts. */
  readonly ca?: Buffer;
  readonly servername?: string;
  /** Where the name is an address, which TLS does not send (RFC 6066 section 3). */
  readonly checkServerIdentity?: typeof tls.checkServerIdentity;
  readonly rejectUnauthorized?: false;
}

/** How to know a server by another name than that of its URL. */
export function knownAs(name: string): ServerTrust {
  if (isIP(name) === 0) return { servername: name };
  return { servername: '', checkServerIdentity: (_host, cert) => tls.checkServerIdentity(name, cert) };
}

/** Per server and credentials. */
export const MAX_IDLE_CONNECTIONS = 4;
/** Shorter than what load balancers wait before they forget a connection without a word. */
const IDLE_TIMEOUT_MS = 60_000;
/** A peer that is gone is asked for after so long; how often, and how long, is the kernel's. */
const TCP_KEEPALIVE_MS = 15_000;

const OPTIONS: https.AgentOptions = {
  keepAlive: true,
  keepAliveMsecs: TCP_KEEPALIVE_MS,
  maxFreeSockets: MAX_IDLE_CONNECTIONS,
  timeout: IDLE_TIMEOUT_MS,
};

export function agentFor(protocol: string, proxy: URL | undefined): http.Agent {
  const agent = protocol === 'https:' ? new https.Agent(OPTIONS) : new http.Agent(OPTIONS);
  if (proxy) goThrough(proxy, agent);
  else goDirectly(agent);
  return agent;
}

/** A connection through a proxy to a server that is known so. @throws ClusterError */
export async function tunnelFor(
  { ca }: Pick<ServerTrust, 'ca'>,
  proxy: URL,
  destination: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  // As Go does it, the server's authority counts for a proxy that speaks TLS itself.
  const authorities = ca && [...tls.rootCertificates, ca.toString()];
  const socket = await openTunnel(proxy, destination, { signal, ca: authorities });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  return socket;
}

function goDirectly(agent: http.Agent): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, connected) =>
    withSharedReads((reading) => connect(Object.assign({}, options, reading), connected));
}

/** Has the agent open its connections through a proxy, TLS to the server within. */
function goThrough(proxy: URL, agent: http.Agent): void {
  const closed = new AbortController();
  const connect = agent.createConnection.bind(agent);
  const destroy = agent.destroy.bind(agent);
  const connectThrough = async (
    options: http.ClientRequestArgs & Pick<ServerTrust, 'ca'>,
  ): Promise<Duplex> => {
    const destination = { host: options.host ?? '', port: Number(options.port) };
    const socket = await tunnelFor(options, proxy, destination, closed.signal);
    if (!(agent instanceof https.Agent)) return socket;
    // TLS takes a connection that is there already, which the type of `connect` does not say.
    const secured = connect(Object.assign({}, options, { socket }));
    return secured ?? socket;
  };
  agent.createConnection = (options, connected) => {
    if (connected) callbackify(connectThrough)(options, connected);
    return undefined; // Node takes it from the callback then
  };
  agent.destroy = () => {
    closed.abort();
    destroy();
  };
}
