/**
 * The two ends of a conversation, named from where the stack stands: `local` is
 * what the guest dialled and the stack answers for, `remote` the guest's own.
 */
import { addressWords, type IpVersion } from '../address.ts';
import type { Path } from '../path/path.ts';

/** An address and port as an application gives them. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Words of a flow's key: local address, remote address, both ports in one. */
export function flowWords(version: IpVersion): number {
  return 2 * addressWords(version) + 1;
}

export class Flow {
  readonly path: Path;
  readonly localPort: number;
  readonly remotePort: number;

  constructor(path: Path, localPort: number, remotePort: number) {
    this.path = path;
    this.localPort = localPort;
    this.remotePort = remotePort;
  }

  get localAddress(): string {
    return this.path.localAddress;
  }

  get remoteAddress(): string {
    return this.path.remoteAddress;
  }

  /** Both ports, as the last word of the key. */
  get ports(): number {
    return (this.localPort << 16) | this.remotePort;
  }
}
