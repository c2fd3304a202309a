/**
 * The way out through a proxy: SOCKS5 for streams and datagrams, HTTP CONNECT
 * for streams. What a proxy can't carry (pings; datagrams by HTTP) is prohibited.
 */

import type { OpenDatagramSocket } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import type { RemoteStream, RemoteStreamEvents } from '../../relay/stream.ts';
import type { DatagramPort, Dialer, EgressDestination } from '../dialer.ts';
import { HostStream } from '../tcp/host-stream.ts';
import { requestByConnect } from './connect.ts';
import { dialBy } from './handshake.ts';
import { CONNECT, requestBySocks } from './socks.ts';
import { SocksPort } from './socks-port.ts';
import type { ProxyEndpoint } from './url.ts';

export interface ProxyDialerOptions {
  /** By which rules name it. */
  readonly name: string;
  readonly proxy: ProxyEndpoint;
  readonly openSocket: OpenDatagramSocket;
  readonly log: Log;
}

export function proxyDialer({ name, proxy, openSocket, log }: ProxyDialerOptions): Dialer {
  return proxy.kind === 'http'
    ? new ConnectDialer(name, proxy)
    : new SocksDialer(name, proxy, () => new SocksPort(proxy, openSocket, log));
}

class ConnectDialer implements Dialer {
  readonly name: string;
  readonly #proxy: ProxyEndpoint;

  constructor(name: string, proxy: ProxyEndpoint) {
    this.name = name;
    this.#proxy = proxy;
  }

  stream(destination: EgressDestination, events: RemoteStreamEvents): RemoteStream {
    const proxy = this.#proxy;
    return new HostStream(
      dialBy(proxy, (conversation) => requestByConnect(conversation, proxy, destination)),
      events,
    );
  }
}

class SocksDialer implements Dialer {
  readonly name: string;
  readonly openPort: () => DatagramPort;
  readonly #proxy: ProxyEndpoint;

  constructor(name: string, proxy: ProxyEndpoint, openPort: () => DatagramPort) {
    this.name = name;
    this.#proxy = proxy;
    this.openPort = openPort;
  }

  stream(destination: EgressDestination, events: RemoteStreamEvents): RemoteStream {
    const proxy = this.#proxy;
    const dial = dialBy(proxy, async (conversation) => {
      await requestBySocks(conversation, proxy, CONNECT, destination);
    });
    return new HostStream(dial, events);
  }
}
