/**
 * One connection carried to its far end, and what is told of it with `-vv`: that
 * it has come, who has taken it, and what it was in the end.
 *
 *     web.shop:80: connection from port 40312
 *     web.shop:80: port 40312 is connected to pod shop/web-5d9f:8080
 *     web.shop:80: port 40312 closed after 35 ms, 78 bytes sent, 512 received (pod shop/web-5d9f:8080)
 */

import { type FlowMeter, metered } from '../egress/index.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Log } from '../observe/log.ts';
import { type Dial, relay } from '../relay/relay.ts';
import type { RemoteStreamError } from '../relay/stream.ts';
import type { TcpRequest } from '../../stack/index.ts';

export interface CarryOptions {
  /** What the connection is for. */
  readonly label: string;
  /** The dialer, where there are several. */
  readonly via?: string;
  /** To be told how it goes on, where somebody wants to know. */
  readonly meter?: FlowMeter | undefined;
  readonly log: Log;
  /** Told why the far side could not be reached, or was lost. */
  readonly onFailure: (error: RemoteStreamError) => void;
}

export function carry(request: TcpRequest, dial: Dial, options: CarryOptions): void {
  const { label, via, meter, log, onFailure } = options;
  const counted = meter === undefined ? dial : metered(dial, meter);
  if (log.hasDebug === false) {
    relay(request, counted, onFailure);
    return;
  }
  const { remotePort } = request;
  log.debug(`${label}: connection from port ${remotePort}${via === undefined ? '' : `, ${via}`}`);
  relay(request, metered(counted, new ConnectionLines(`${label}: port ${remotePort}`, log)), onFailure);
}

class ConnectionLines implements FlowMeter {
  readonly #what: string;
  readonly #log: Log;
  readonly #startedAt = monotonicMs();
  #isEstablished = false;
  #sent = 0;
  #received = 0;

  constructor(what: string, log: Log) {
    this.#what = what;
    this.#log = log;
  }

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  received(bytes: number): void {
    this.#received += bytes;
  }

  established(pod?: string): void {
    this.#isEstablished = true;
    if (pod !== undefined) this.#log.debug(`${this.#what} is connected to pod ${pod}`);
  }

  ended(error?: RemoteStreamError, pod?: string): void {
    // Why it could not be reached has a line of its own.
    if (error !== undefined && !this.#isEstablished) return;
    const ms = Math.round(monotonicMs() - this.#startedAt);
    const by = pod === undefined ? '' : ` (pod ${pod})`;
    this.#log.debug(
      `${this.#what} closed after ${ms} ms, ${this.#sent} bytes sent, ${this.#received} received${by}`,
    );
  }
}
