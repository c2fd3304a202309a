/**
 * Pings of the sandbox, sent on by ping sockets of the host (icmp(7)).
 *
 *     sandbox: identifier 7, sequence 3 ──▶ host: identifier of the socket, sequence 812
 *
 * All pings of an IP version share a socket. The kernel puts its own identifier
 * into each message and brings the answers back by it, so that what tells them
 * apart is a sequence number of ours. An answer must come from the address that
 * was asked, and with the data that was sent.
 *
 * Who may have such sockets is the system's affair (`net.ipv4.ping_group_range`,
 * for both versions). Where it may not be, pings are not answered, and one line
 * says why. The time to live is the host's, so that traceroute shows nothing of
 * the way.
 */

import type {
  DatagramFailure,
  Datagrams,
  DatagramSocket,
  OpenDatagramSocket,
} from '../../../sandbox/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import type { Log } from '../../observe/log.ts';
import { addressBytes, addressWords, type IpVersion, versionOf } from '../address-bytes.ts';
import type { EchoProbe } from '../dialer.ts';
import { codeOf } from '../../system-error.ts';
import { reasonOfCode, reasonOfErrno, reasonOfIcmp } from '../unreachable.ts';

/** Pings without an answer yet; past it the oldest is given up. */
const MAX_PENDING = 1024;
/** ping(8) waits ten seconds for the last answer. */
const ANSWER_TIMEOUT_MS = 10_000;

const HEADER_BYTES = 8;
const SEQUENCE_AT = 6;
const SEQUENCES = 0x10000;
/** RFC 792, RFC 4443 4.1. */
const ECHO_REQUEST: Readonly<Record<IpVersion, number>> = { 4: 8, 6: 128 };
const ECHO_REPLY: Readonly<Record<IpVersion, number>> = { 4: 0, 6: 129 };

const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

interface Pending {
  readonly probe: EchoProbe;
  readonly words: readonly number[];
  readonly expiresAt: number;
}

export class Pinger {
  readonly #open: OpenDatagramSocket;
  readonly #log: Log;
  /** Undefined for a version that can't be had. */
  readonly #channels = new Map<IpVersion, Channel | undefined>();

  constructor(open: OpenDatagramSocket, log: Log) {
    this.#open = open;
    this.#log = log;
  }

  ping(probe: EchoProbe): void {
    const address = addressBytes(probe.address);
    try {
      this.#channel(versionOf(address))?.ping(address, probe);
    } catch (error) {
      // Out of files, or no such IP version: another time it may be otherwise.
      const reason = reasonOfCode(codeOf(error));
      if (reason !== undefined) probe.unreachable(reason);
    }
  }

  /** Undefined where it may not be had. @throws as the system does */
  #channel(version: IpVersion): Channel | undefined {
    if (this.#channels.has(version)) return this.#channels.get(version);
    let channel: Channel | undefined;
    try {
      channel = new Channel(this.#open, version);
    } catch (error) {
      if (!FORBIDDEN.has(codeOf(error))) throw error;
      this.#log.info(
        `pings over IPv${version} are not answered: the host has no ping sockets for this user (sysctl net.ipv4.ping_group_range)`,
      );
    }
    this.#channels.set(version, channel);
    return channel;
  }

  close(): void {
    for (const channel of this.#channels.values()) channel?.close();
    this.#channels.clear();
  }
}

/** The pings of one IP version. */
class Channel {
  readonly #version: IpVersion;
  readonly #socket: DatagramSocket;
  /** By sequence number, the oldest first. */
  readonly #pending = new Map<number, Pending>();
  #nextSequence = 0;

  /** @throws as the system does */
  constructor(open: OpenDatagramSocket, version: IpVersion) {
    this.#version = version;
    this.#socket = open(version, 'echo', {
      onDatagrams: (datagrams) => this.#received(datagrams),
      onFailure: (_peer, failure) => this.#failed(failure),
    });
  }

  ping(address: Uint8Array, probe: EchoProbe): void {
    const sequence = this.#nextSequence;
    this.#nextSequence = (sequence + 1) % SEQUENCES;
    const message = new Uint8Array(HEADER_BYTES + probe.data.length);
    message[0] = ECHO_REQUEST[this.#version];
    new DataView(message.buffer).setUint16(SEQUENCE_AT, sequence);
    message.set(probe.data, HEADER_BYTES);
    const errno = this.#socket.send(address, 0, message);
    if (errno !== 0) {
      const reason = reasonOfErrno(errno);
      if (reason !== undefined) probe.unreachable(reason);
      return;
    }
    this.#forgetOld();
    const expiresAt = monotonicMs() + ANSWER_TIMEOUT_MS;
    this.#pending.set(sequence, { probe, words: addressWords(address), expiresAt });
  }

  close(): void {
    this.#socket.close();
  }

  #forgetOld(): void {
    const now = monotonicMs();
    for (const [sequence, { expiresAt }] of this.#pending) {
      if (expiresAt > now && this.#pending.size < MAX_PENDING) return;
      this.#pending.delete(sequence);
    }
  }

  #received(datagrams: Datagrams): void {
    for (let i = 0; i < datagrams.count; i++) {
      const message = datagrams.payload(i);
      if (message.length < HEADER_BYTES || message[0] !== ECHO_REPLY[this.#version]) continue;
      const sequence = sequenceOf(message);
      const pending = this.#pending.get(sequence);
      if (
        pending === undefined ||
        !pending.words.every((value, word) => datagrams.addressWord(i, word) === value)
      )
        continue;
      if (Buffer.compare(message.subarray(HEADER_BYTES), pending.probe.data) !== 0) continue;
      this.#pending.delete(sequence);
      pending.probe.reply();
    }
  }

  #failed({ sent, type, code, errno }: DatagramFailure): void {
    if (sent.length < HEADER_BYTES) return;
    const reason = reasonOfIcmp(this.#version, type, code, errno);
    const pending = this.#pending.get(sequenceOf(sent));
    if (pending === undefined || reason === undefined) return;
    this.#pending.delete(sequenceOf(sent));
    pending.probe.unreachable(reason);
  }
}

function sequenceOf(message: Uint8Array): number {
  return (message[SEQUENCE_AT] << 8) | message[SEQUENCE_AT + 1];
}
