/**
 * The host's loopback under a name: any port that the sandbox may have is
 * dialled when it is asked for, so that what connect(2) says there is what it
 * says on the host.
 */

import { HostStream } from '../../egress/index.ts';
import type { RemoteStream, RemoteStreamEvents } from '../../relay/stream.ts';
import { dialHostLoopback } from './host-dial.ts';
import type { HostPortSet } from './ports.ts';

export const HOST_NAME = 'host.kns.internal';

export class HostLoopback {
  readonly name = HOST_NAME;
  readonly leftOutBy = 'leave out --host-port';
  readonly #ports: HostPortSet;

  constructor(ports: HostPortSet) {
    this.#ports = ports;
  }

  hasPort(port: number): boolean {
    return this.#ports.hasHost('tcp', port);
  }

  dial(port: number, events: RemoteStreamEvents): RemoteStream {
    return new HostStream(dialHostLoopback(port), events);
  }
}
