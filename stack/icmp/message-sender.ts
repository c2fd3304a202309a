/** ICMP messages out, of either version. */
import type { DatagramSender } from '../ip/output/datagram-sender.ts';
import type { Transmitter } from '../ip/output/transmitter.ts';
import { CHECKSUM_DONE, type Path } from '../ip/path/path.ts';
import { pseudoHeaderSum } from '../wire/checksum.ts';
import { ICMP_HEADER_BYTES, writeIcmp } from '../wire/icmp.ts';

export class IcmpMessageSender {
  readonly #transmitter: Transmitter;
  readonly #sender: DatagramSender;

  constructor(transmitter: Transmitter, sender: DatagramSender) {
    this.#transmitter = transmitter;
    this.#sender = sender;
  }

  /** @returns false where it was dropped */
  send(path: Path, type: number, code: number, rest: number, body: Uint8Array): boolean {
    const { head } = this.#transmitter.frame;
    const length = ICMP_HEADER_BYTES + body.length;
    const { icmpProtocol } = path;
    const pseudoSum = path.version === 4 ? 0 : pseudoHeaderSum(path.addressSum, icmpProtocol, length);
    writeIcmp(head, path.transportOffset, type, code, rest, body, pseudoSum);
    return this.#sender.send(path, icmpProtocol, ICMP_HEADER_BYTES, body, CHECKSUM_DONE);
  }
}
