/**
 * A connection to a server through a proxy: CONNECT (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928).
 *
 * The proxy resolves the server's name, in either case: behind a VPN, it alone
 * can. (socks-proxy-agent resolves `socks5://` here, where kubectl does not; and
 * a refusal by hpagent has no status that an error could name.) One wait bounds
 * the way to the proxy, its TLS and its answer together.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { trustFor } from '../../authorities.ts';
import { hostAndPort } from '../../host-and-port.ts';
import { ClusterError, oneLine, reasonOf } from '../errors.ts';
import { bareHost } from './proxy-choice.ts';

const TUNNEL_TIMEOUT_MS = 15_000;

export interface Destination {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface TunnelOptions {
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Whom to trust with an `https` proxy; undefined for those that Node trusts. */
  readonly ca: string[] | undefined;
}

/** @throws ClusterError */
export async function openTunnel(
  proxy: URL,
  destination: Destination,
  options: TunnelOptions,
): Promise<Socket> {
  try {
    const socket = proxy.protocol.startsWith('socks')
      ? await throughSocks(proxy, destination)
      : await throughConnect(proxy, destination, options);
    if (!options.signal.aborted) return socket;
    socket.destroy();
    throw new Error('given up');
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause;
    throw failed(
      proxy,
      `does not connect us: ${reasonOf(cause)}`,
      'check proxy-url or HTTPS_PROXY, and that the proxy runs',
      cause,
    );
  }
}

async function throughSocks(proxy: URL, destination: Destination): Promise<Socket> {
  // Loaded for those who have such a proxy.
  const { connectBySocks } = await import('./socks.ts');
  return connectBySocks(proxy, destination, TUNNEL_TIMEOUT_MS);
}

function throughConnect(
  proxy: URL,
  { host, port }: Destination,
  { signal, ca }: TunnelOptions,
): Promise<Socket> {
  const authority = hostAndPort(host, port);
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      host: bareHost(proxy),
      port: proxy.port,
      path: authority,
      headers: { Host: authority, ...basicCredentials(proxy) },
      agent: false,
      signal,
      ...trustFor(proxy, ca),
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${TUNNEL_TIMEOUT_MS / 1000} s`)),
      TUNNEL_TIMEOUT_MS,
    );
    request.once('close', () => clearTimeout(timer));
    request.once('error', reject);
    request.once('connect', (response, socket: Socket, head) => {
      clearTimeout(timer);
      if (response.statusCode === 200) {
        // The server speaks after us; what comes before is put back all the same.
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(refusal(proxy, response, authority));
    });
    request.end();
  });
}

function basicCredentials({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function refusal(
  proxy: URL,
  { statusCode, statusMessage }: http.IncomingMessage,
  authority: string,
): ClusterError {
  const status = oneLine(`${statusCode} ${statusMessage ?? ''}`);
  if (statusCode === 407) {
    return failed(
      proxy,
      `wants other credentials (${status})`,
      'put them into the URL, percent-encoded: http://USER:PASSWORD@HOST:PORT',
    );
  }
  return failed(
    proxy,
    `refuses a connection to ${authority} (${status})`,
    `ask for it to be allowed, or go without the proxy: NO_PROXY=${authority.replace(/:\d+$/, '')}`,
  );
}

/** The line never shows the URL's password. */
function failed(proxy: URL, what: string, remedy: string, cause?: unknown): ClusterError {
  return new ClusterError('PROXY_FAILED', `the proxy ${proxy.protocol}//${proxy.host} ${what}`, remedy, {
    cause,
  });
}
