/**
 * The two ends of a conversation, named from where the stack stands: `local` is
 * the address that the guest dialled and the stack answers for, `remote` the
 * guest's own.
 */
import { formatIpv4 } from './address.ts';

/** Words of a flow table's key. */
export const IPV4_FLOW_WORDS = 3;

export class Flow {
  readonly local: number;
  readonly remote: number;
  readonly localPort: number;
  readonly remotePort: number;

  constructor(local: number, remote: number, localPort: number, remotePort: number) {
    this.local = local;
    this.remote = remote;
    this.localPort = localPort;
    this.remotePort = remotePort;
  }

  get localAddress(): string {
    return formatIpv4(this.local);
  }

  get remoteAddress(): string {
    return formatIpv4(this.remote);
  }

  writeKey(key: Int32Array): void {
    writeFlowKey(key, this.local, this.remote, this.localPort, this.remotePort);
  }
}

export function writeFlowKey(
  key: Int32Array,
  local: number,
  remote: number,
  localPort: number,
  remotePort: number,
): void {
  key[0] = local;
  key[1] = remote;
  key[2] = (localPort << 16) | remotePort;
}

/** An address and port as an application gives them. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}
