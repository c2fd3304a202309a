/** The near side of a dial, as a test sees it: what has come, and promises for what will. */
import type { Cluster, ClusterLog, ServiceRecord } from '../../../src/cluster/index.ts';
import type { RemoteStream, RemoteStreamError, RemoteStreamEvents } from '../../../src/relay/stream.ts';

export type Ending = { kind: 'end' } | { kind: 'error'; error: RemoteStreamError };

export class Probe implements RemoteStreamEvents {
  readonly stream: RemoteStream;
  readonly chunks: Uint8Array[] = [];
  readonly established: Promise<void>;
  readonly ending: Promise<Ending>;
  /** In the order in which they came, each once. */
  readonly events: string[] = [];
  bytes = 0;
  #onEstablished: () => void = () => {};
  #onEnding: (ending: Ending) => void = () => {};
  #waiters: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(dial: (events: RemoteStreamEvents) => RemoteStream) {
    this.established = new Promise((resolve) => {
      this.#onEstablished = resolve;
    });
    this.ending = new Promise((resolve) => {
      this.#onEnding = resolve;
    });
    this.stream = dial(this);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** Resolves when the chunk has been taken. */
  send(chunk: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.stream.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, resolve);
    });
  }

  /** Resolves once the condition holds, which is looked at whenever something arrives. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (condition()) resolve();
      else this.#waiters.push({ condition, resolve });
    });
  }

  onEstablished(): void {
    this.events.push('established');
    this.#onEstablished();
  }

  onData(chunk: Uint8Array): void {
    if (this.events.at(-1) !== 'data') this.events.push('data');
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.#waiters = this.#waiters.filter(({ condition, resolve }) => {
      if (!condition()) return true;
      resolve();
      return false;
    });
  }

  onEnd(): void {
    this.events.push('end');
    this.#onEnding({ kind: 'end' });
  }

  onBrokenPipe(): void {
    this.events.push('broken pipe');
  }

  onError(error: RemoteStreamError): void {
    this.events.push(error.reason);
    this.#onEnding({ kind: 'error', error });
  }
}

export function service(cluster: Cluster, name: string): ServiceRecord {
  const found = cluster.services.find((one) => one.name === name);
  if (!found) throw new Error(`no service ${name}`);
  return found;
}

export function dial(cluster: Cluster, name: string, port: number): Probe {
  return new Probe((events) => cluster.dialService(service(cluster, name), port, events));
}

export function dialPod(cluster: Cluster, name: string, hostname: string, port: number): Probe {
  return new Probe((events) => cluster.dialPod(service(cluster, name), hostname, port, events));
}

/** Resolves once the condition holds, which is looked at whenever the cluster tells of a change. */
export function once(cluster: Cluster, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return;
      cluster.onChange = undefined;
      resolve();
    };
    cluster.onChange = look;
    look();
  });
}

export class LogLines implements ClusterLog {
  readonly lines: string[] = [];
  debug(message: string): void {
    this.lines.push(`debug: ${message}`);
  }
  info(message: string): void {
    this.lines.push(`info: ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn: ${message}`);
  }
}
