/** A sandbox that stands: what the caller holds until the command has ended. */

import type { Socket as DatagramSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import type { LinkDevice } from './device.ts';
import type { NetnsHelper } from './helper.ts';
import type { ConnectOptions } from './inside/connect.ts';
import { Inside } from './inside/inside.ts';
import type { InsideAddress } from './inside/listen.ts';
import { joinFailed } from './join/errors.ts';
import { closeNamespaces, type Namespaces, openNamespaces } from './join/namespaces.ts';
import type { OpenPorts } from './ports.ts';
import { RunningCommand } from './process/command.ts';
import type { CommandEnd } from './process/guard.ts';
import type { JobParts } from './process/job.ts';
import type { ReceivedSignal } from './process/signals.ts';
import type { EtcDirectory, SandboxFiles } from './view/etc.ts';

export interface Sandbox {
  readonly device: LinkDevice;
  readonly files: SandboxFiles;
  /** What could not be had on this system, one line each; the sandbox works without. */
  readonly notes: readonly string[];
  /** Runs the command; before this, nothing of it has run. */
  start(): void;
  /** Sends a signal to the command itself; nothing happens when it has ended. */
  signal(signo: number): void;
  /** The same for one that has reached us (`watchSignals`), unless the command has got it already. */
  pass(signal: ReceivedSignal): void;
  /** Has a server of ours listen in the sandbox's own network. @throws SandboxError LISTEN_FAILED */
  listenInside(server: Server, at: InsideAddress): Promise<void>;
  /** The same for UDP. @throws SandboxError LISTEN_FAILED */
  bindInside(socket: DatagramSocket, at: InsideAddress): Promise<void>;
  /** Connects to a server in the sandbox, on whatever address it has there. @throws what connect(2) says */
  connectInside(to: InsideAddress, options?: ConnectOptions): Promise<Socket>;
  /** A UDP socket in the sandbox that talks to that address alone. */
  datagramsInside(to: InsideAddress): Promise<DatagramSocket>;
  /** Which ports of the sandbox are open, to be read at any time and closed in the end. */
  portsInside(): Promise<OpenPorts>;
  /** For others to join, while the sandbox stands. @throws SandboxError JOIN_FAILED */
  namespaces(): Promise<Namespaces>;
  /** How the command ended; every process of the sandbox has then. */
  readonly exited: Promise<CommandEnd>;
  /** Ends whatever runs, and gives back all that the sandbox held. */
  close(): Promise<void>;
}

/** The steps of a sandbox's life, in their order; what each has done is in launch.ts. */
export type Stage =
  | 'spawned'
  | 'unshared'
  | 'linked'
  | 'ready'
  | 'furnished'
  | 'started'
  | 'closing'
  | 'closed';

/** What a sandbox is made of, once it stands. */
export interface Parts extends JobParts {
  readonly helper: NetnsHelper;
  readonly device: LinkDevice;
  readonly files: EtcDirectory;
  readonly sharesPids: boolean;
  readonly notes: readonly string[];
  readonly onStage: (stage: Stage) => void;
}

export class RunningSandbox implements Sandbox {
  readonly device: LinkDevice;
  readonly exited: Promise<CommandEnd>;
  readonly #parts: Parts;
  readonly #command: RunningCommand;
  readonly #inside: Inside;
  #namespaces: Promise<Namespaces> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#command = new RunningCommand(parts);
    this.#inside = new Inside(parts.api, parts.helper);
    this.device = parts.device;
    this.exited = parts.guard.exited;
  }

  get files(): SandboxFiles {
    return this.#parts.files;
  }

  get notes(): readonly string[] {
    return this.#parts.notes;
  }

  start(): void {
    if (this.#command.start()) this.#parts.onStage('started');
  }

  signal(signo: number): void {
    this.#command.signal(signo);
  }

  pass(signal: ReceivedSignal): void {
    this.#command.pass(signal);
  }

  listenInside(server: Server, at: InsideAddress): Promise<void> {
    return this.#inside.listen(server, at);
  }

  bindInside(socket: DatagramSocket, at: InsideAddress): Promise<void> {
    return this.#inside.bind(socket, at);
  }

  connectInside(to: InsideAddress, options?: ConnectOptions): Promise<Socket> {
    return this.#inside.connect(to, options);
  }

  datagramsInside(to: InsideAddress): Promise<DatagramSocket> {
    return this.#inside.datagrams(to);
  }

  portsInside(): Promise<OpenPorts> {
    return this.#inside.ports();
  }

  async namespaces(): Promise<Namespaces> {
    if (this.#closing !== undefined) throw joinFailed('it is ending');
    this.#namespaces ??= this.#openNamespaces();
    return this.#namespaces;
  }

  /** Once for all who join; what failed is tried again for the next. */
  async #openNamespaces(): Promise<Namespaces> {
    try {
      return await openNamespaces(this.#parts.helper, this.#parts.sharesPids);
    } catch (error) {
      this.#namespaces = undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { device, files, helper, onStage } = this.#parts;
    onStage('closing');
    device.close();
    files.close();
    this.#inside.close();
    await Promise.all([this.#command.close(), helper.close(), this.#closeNamespaces()]);
    onStage('closed');
  }

  async #closeNamespaces(): Promise<void> {
    const opened = await this.#namespaces?.catch(() => undefined); // whoever asked has been told
    if (opened !== undefined) closeNamespaces(opened);
  }
}
