/**
 * Datagrams out: an IP header in front of a transport's header and payload, cut
 * into fragments where the path is narrower.
 *
 * The caller writes its header at the path's `transportOffset` of the frame's
 * head. Only fragments need an identification.
 */
import type { Counters } from '../../counters.ts';
import type { Path } from '../path/path.ts';
import type { Transmitter } from './transmitter.ts';

const MAX_DATAGRAM_BYTES = 65_535;

export class DatagramSender {
  readonly #transmitter: Transmitter;
  readonly #counters: Counters;
  #identification: number;

  constructor(transmitter: Transmitter, counters: Counters, firstIdentification: number) {
    this.#transmitter = transmitter;
    this.#counters = counters;
    this.#identification = firstIdentification;
  }

  /**
   * @param headerLength of the transport's header, in the frame's head
   * @param checksumField offset in that header of a checksum for the device to finish, or CHECKSUM_DONE;
   *   a datagram that the path would have cut must come with its checksum done
   * @returns false where it was dropped: no room, or more than IP can carry
   */
  send(
    path: Path,
    protocol: number,
    headerLength: number,
    payload: Uint8Array,
    checksumField: number,
  ): boolean {
    const transportLength = headerLength + payload.length;
    // IPv6's length field does not count the header itself.
    const counted = path.version === 4 ? path.headerBytes : 0;
    if (counted + transportLength > MAX_DATAGRAM_BYTES) {
      this.#counters.datagramTooLarge++;
      return false;
    }
    if (transportLength > path.room) return this.#sendFragments(path, protocol, headerLength, payload);
    path.writeHead(this.#transmitter.frame.head, protocol, transportLength, checksumField);
    this.#fillFrame(path.transportOffset + headerLength, payload, 0, payload.length);
    return this.#transmitter.sendOrQueue();
  }

  #sendFragments(path: Path, protocol: number, headerLength: number, payload: Uint8Array): boolean {
    const { head } = this.#transmitter.frame;
    const { transportOffset, fragmentRoom, fragmentDataOffset } = path;
    const transportLength = headerLength + payload.length;
    const identification = this.#identification;
    this.#identification = (identification + 1) | 0;
    // A fragment's header goes where the transport's was written.
    if (fragmentDataOffset !== transportOffset) {
      head.copyWithin(fragmentDataOffset, transportOffset, transportOffset + headerLength);
    }
    for (let start = 0; start < transportLength; start += fragmentRoom) {
      const length = Math.min(fragmentRoom, transportLength - start);
      const headerPart = start === 0 ? headerLength : 0;
      path.writeFragmentHead(head, protocol, identification, start, start + length < transportLength, length);
      this.#fillFrame(
        fragmentDataOffset + headerPart,
        payload,
        start + headerPart - headerLength,
        length - headerPart,
      );
      this.#counters.fragmentsOut++;
      // Without one of its fragments the rest of a datagram is of no use.
      if (!this.#transmitter.sendOrQueue()) return false;
    }
    return true;
  }

  #fillFrame(headLength: number, payload: Uint8Array, offset: number, length: number): void {
    const frame = this.#transmitter.frame;
    frame.headLength = headLength;
    frame.pieceCount = length > 0 ? 1 : 0;
    frame.pieces[0] = payload;
    frame.pieceOffset[0] = offset;
    frame.pieceLength[0] = length;
  }
}
