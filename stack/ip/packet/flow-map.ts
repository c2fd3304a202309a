/**
 * Flows of both IP versions: a table for each, since a key three times as long
 * would be paid for by every packet of the shorter.
 */
import { FlowTable } from '../../storage/flow-table.ts';
import { getInt32 } from '../../wire/bytes.ts';
import { addressBytes, type IpVersion } from '../address.ts';
import { type Flow, flowWords } from './flow.ts';
import type { InboundPacket } from './packet.ts';

export class FlowMap<T> {
  readonly #ipv4: FlowTable<T>;
  readonly #ipv6: FlowTable<T>;

  constructor(seed: number) {
    this.#ipv4 = new FlowTable(flowWords(4), seed);
    this.#ipv6 = new FlowTable(flowWords(6), seed);
  }

  get size(): number {
    return this.#ipv4.size + this.#ipv6.size;
  }

  /** The flow that a packet with ports belongs to, which has come from the remote side. */
  findReceived(packet: InboundPacket): T | null {
    const { buffer, version, addressesOffset, offset } = packet;
    const ports = getInt32(buffer, offset);
    const length = addressBytes(version);
    return this.#findBytes(
      version,
      buffer,
      addressesOffset + length,
      addressesOffset,
      (ports << 16) | (ports >>> 16),
    );
  }

  /** The same of a packet that we sent, and that has come back as a quote. */
  findSent(packet: InboundPacket): T | null {
    const { buffer, version, addressesOffset, offset } = packet;
    const length = addressBytes(version);
    return this.#findBytes(
      version,
      buffer,
      addressesOffset,
      addressesOffset + length,
      getInt32(buffer, offset),
    );
  }

  find(flow: Flow): T | null {
    return this.#keyed(flow).find();
  }

  /** Adds or replaces. */
  set(flow: Flow, value: T): void {
    this.#keyed(flow).set(value);
  }

  remove(flow: Flow): boolean {
    return this.#keyed(flow).remove();
  }

  *values(): IterableIterator<T> {
    yield* this.#ipv4.values();
    yield* this.#ipv6.values();
  }

  #table(version: IpVersion): FlowTable<T> {
    return version === 4 ? this.#ipv4 : this.#ipv6;
  }

  #keyed(flow: Flow): FlowTable<T> {
    const table = this.#table(flow.path.version);
    const { key } = table;
    const { addresses } = flow.path;
    for (let i = 0; i < addresses.length; i++) key[i] = addresses[i];
    key[addresses.length] = flow.ports;
    return table;
  }

  #findBytes(
    version: IpVersion,
    buffer: Uint8Array,
    localOffset: number,
    remoteOffset: number,
    ports: number,
  ): T | null {
    const table = this.#table(version);
    const { key } = table;
    const words = key.length >>> 1;
    for (let i = 0; i < words; i++) {
      key[i] = getInt32(buffer, localOffset + 4 * i);
      key[words + i] = getInt32(buffer, remoteOffset + 4 * i);
    }
    key[key.length - 1] = ports;
    return table.find();
  }
}
