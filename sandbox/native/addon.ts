/** The addon's functions as JavaScript sees them, and how it is loaded. */

import { buildInCache, locateNative, type NativeArtefacts } from './locate.ts';

declare const handle: unique symbol;
/** A handle of the addon, to be closed by its own function. */
export interface WatchHandle {
  readonly [handle]: 'watch';
}
export interface DeviceHandle {
  readonly [handle]: 'device';
}
export interface DatagramsHandle {
  readonly [handle]: 'datagrams';
}
export interface StreamsHandle {
  readonly [handle]: 'streams';
}

export interface Message {
  readonly bytes: Uint8Array;
  /** Close-on-exec, and the receiver's to close. */
  readonly fds: number[];
}

export interface Addon {
  /** A pair of connected SOCK_SEQPACKET sockets, both close-on-exec. */
  socketPair(): [number, number];
  /** @returns false when the socket's buffer is full */
  sendMessage(socket: number, bytes: Uint8Array): boolean;
  /** @returns null where nothing has come yet; no bytes mean that the peer is gone */
  receiveMessage(socket: number): Message | null;
  /** @returns the pid and the uid of who is at the other end of a Unix socket */
  peerOf(socket: number): [number, number];
  /** Locks the open file or directory, for nobody else to lock, until it is closed; @returns false when somebody has */
  lockFile(fd: number): boolean;
  /** @returns false when the process is gone */
  pidfdSendSignal(pidfd: number, signo: number): boolean;
  /** Also from the background. @returns false where there is no such group, or the terminal has gone */
  setForeground(terminal: number, group: number): boolean;
  ignoreSignal(signo: number): void;

  /** Calls back whenever the fd is readable, or has failed. */
  watchReadable(fd: number, onReadable: () => void): WatchHandle;
  closeWatch(watch: WatchHandle): void;

  /** Has a packet socket put its frames into memory that is shared with the kernel, until the socket is closed. */
  mapRing(fd: number): Uint8Array;
  /**
   * The fd, non-blocking, belongs to the handle from now on. Frames are read into slots of the arena; with a
   * `slotSize` of 0 it is what `mapRing` returned, and they are there.
   */
  openDevice(
    fd: number,
    arena: Uint8Array,
    slotSize: number,
    offsets: Int32Array,
    lengths: Int32Array,
    onBatch: (count: number) => void,
    onWritable: () => void,
    onEnd: () => void,
  ): DeviceHandle;
  startDevice(device: DeviceHandle): void;
  bindFrame(device: DeviceHandle, head: Uint8Array, pieceOffsets: Int32Array, pieceLengths: Int32Array): void;
  /** @returns 0, or the errno */
  writeFrame(
    device: DeviceHandle,
    headLength: number,
    pieces: readonly Uint8Array[],
    pieceCount: number,
  ): number;
  /** @param leave the interface may stay for as long as its network namespace */
  closeDevice(device: DeviceHandle, leave: boolean): void;

  /**
   * A socket of an IP version, `kind` 0 for UDP and 1 for ping. Calls back when datagrams or errors may be there;
   * what is not taken then is told again.
   */
  openDatagrams(version: number, kind: number, onReadable: () => void): DatagramsHandle;
  /** Puts datagrams into slots of the arena, and ten words about each into `records`. @returns how many */
  receiveDatagrams(socket: DatagramsHandle, arena: Uint8Array, slotSize: number, records: Int32Array): number;
  /** Takes one error, with what was sent. @returns false where there is none */
  receiveError(socket: DatagramsHandle, slot: Uint8Array, record: Int32Array): boolean;
  /** @returns 0, or the errno */
  sendDatagram(socket: DatagramsHandle, address: Uint8Array, port: number, payload: Uint8Array): number;
  closeDatagrams(socket: DatagramsHandle): void;

  /** Many TCP sockets; calls back with how many events there are in `events`, two words each: see sandbox/stream.ts. */
  openStreams(events: Int32Array, onEvents: (count: number) => void): StreamsHandle;
  /** The sockets remain. */
  closeStreams(streams: StreamsHandle): void;
  /**
   * @param outcome its first word becomes 1 where the connection is there already, else 0
   * @returns the fd of a socket that is connected or connecting, or the errno as a negative number
   */
  connectStream(
    streams: StreamsHandle,
    id: number,
    address: Uint8Array,
    port: number,
    outcome: Int32Array,
  ): number;
  /** From now on it is an event that the socket can be written to, also where it can be at once. */
  awaitWritable(streams: StreamsHandle, id: number, fd: number): void;
  /** @returns 0, or the errno that the connection has ended by */
  streamError(fd: number): number;
  /** Of any TCP socket: urgent data is read in its place from now on. */
  inlineUrgent(fd: number): void;
  /** @returns bytes that the peer's kernel has not acknowledged yet */
  streamUnsent(fd: number): number;
  /** @returns bytes read to `offset` and behind, 0 at the end of the stream, or the errno as a negative number */
  readStream(fd: number, buffer: Uint8Array, offset: number): number;
  /** @returns how many bytes from `offset` on were taken, or the errno as a negative number */
  writeStream(fd: number, bytes: Uint8Array, offset: number): number;
  finishStream(fd: number): void;
  closeStream(fd: number, reset: boolean): void;

  /** @returns the fd of a netlink socket of this process's own network, for `readPorts` */
  openDiag(): number;
  /**
   * Puts six words about each open port into `records`: see sandbox/ports.ts. `protocol` is 6 or 17.
   * @returns how many there are, which may be more than there is room for
   */
  readPorts(diag: number, version: number, protocol: number, records: Int32Array): number;

  /** @returns the readable end of a pipe of records { signo, si_code, si_pid }, an int32 each */
  takeSignals(signos: readonly number[]): number;
  giveBackSignals(): void;
}

export interface Native extends NativeArtefacts {
  readonly api: Addon;
}

let loaded: Promise<Native> | undefined;

/** As `require` does it, which would look for the file first. */
function loadAddon(file: string): Addon {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, file);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an addon has no types but those declared above
  return module.exports as Addon;
}

async function load(): Promise<Native> {
  const artefacts = await locateNative();
  try {
    return { ...artefacts, api: loadAddon(artefacts.addon) };
  } catch {
    // Built against another C library than this system's, musl for instance.
    const own = await buildInCache();
    return { ...own, api: loadAddon(own.addon) };
  }
}

/** The addon and the programs beside it, found or built once a process. */
export function loadNative(): Promise<Native> {
  loaded ??= load();
  return loaded;
}
