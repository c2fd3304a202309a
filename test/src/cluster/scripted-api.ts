/**
 * An API server whose far ends do what the test says, frame by frame.
 *
 * Plain HTTP on loopback; two pods behind the Service `app`, port 80 → 8080.
 * An upgraded connection is a `FarConnection`: it shows the streams that the
 * client opens, and sends the frames that it is told to. It has a reader and a
 * writer of SPDY frames of its own.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { constants, inflateRawSync } from 'node:zlib';
import {
  type Cluster,
  type ClusterAccess,
  type ForwardLimits,
  type TransportName,
  connectCluster,
  loadAccess,
} from '../../../src/cluster/index.ts';
import { LogLines } from './probe.ts';

/** A forwarded connection as the server sees it. */
export interface FarStream {
  readonly pod: string;
  readonly port: number;
  readonly connection: FarConnection;
  readonly errorId: number;
  readonly dataId: number;
}

type Waiter<T> = (value: T) => void;

/** A queue that tests await from. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiters: Waiter<T>[] = [];

  put(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter(item);
    else this.#items.push(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve(item);
  }

  get size(): number {
    return this.#items.length;
  }
}

export class FarConnection {
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #pod: string;
  readonly #opened: Inbox<FarStream>;
  readonly #events = new Map<number, Inbox<string>>();
  #buffer = Buffer.alloc(0);
  #firstBlock = true;
  readonly #halves = new Map<string, { type: string; id: number }>();
  answersPings = true;

  constructor(socket: Duplex, pod: string, opened: Inbox<FarStream>) {
    this.#socket = socket;
    this.#pod = pod;
    this.#opened = opened;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
    socket.on('error', () => {}); // the client may be gone before what we say
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      while (this.#frame());
    });
  }

  /** The next thing that the client does with a stream: `data …`, `fin`, `reset`. */
  next(streamId: number): Promise<string> {
    return this.#inbox(streamId).next();
  }

  /** How many things the client has done with a stream that no `next` has taken. */
  pending(streamId: number): number {
    return this.#inbox(streamId).size;
  }

  reply(stream: FarStream): void {
    for (const id of [stream.errorId, stream.dataId]) this.#control(2, uint32(id));
  }

  data(streamId: number, bytes: string | Uint8Array, fin = false): boolean {
    const payload = Buffer.from(bytes);
    const length = uint32(payload.length);
    length[0] = fin ? 1 : 0;
    return this.#socket.write(Buffer.concat([uint32(streamId), length, payload]));
  }

  fin(streamId: number): void {
    this.data(streamId, '', true);
  }

  reset(streamId: number): void {
    this.#control(3, Buffer.concat([uint32(streamId), uint32(5)]));
  }

  /** As the runtimes do it when the pod refuses. */
  refuse(stream: FarStream): void {
    const dialled = `dial tcp4 127.0.0.1:${stream.port}: connect: connection refused`;
    this.#fail(stream, `failed to connect to localhost:${stream.port}, IPv4: ${dialled}`);
  }

  /** As containerd does it when the pod is deleted; the upgraded connection stays open. */
  sandboxGone(stream: FarStream): void {
    this.#fail(stream, 'failed to find sandbox "0a1b" in store: not found');
  }

  #fail(stream: FarStream, why: string): void {
    this.data(stream.errorId, `error forwarding port ${stream.port} to pod 0a1b, uid : ${why}`, true);
  }

  goAway(lastId: number): void {
    this.#control(7, Buffer.concat([uint32(lastId), uint32(0)]));
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  drop(): void {
    this.#socket.destroy();
  }

  #frame(): boolean {
    if (this.#buffer.length < 8) return false;
    const length = this.#buffer.readUIntBE(5, 3);
    if (this.#buffer.length < 8 + length) return false;
    const head = this.#buffer.readUInt32BE(0);
    const flags = this.#buffer[4];
    const body = this.#buffer.subarray(8, 8 + length);
    this.#buffer = this.#buffer.subarray(8 + length);
    if (head < 0x80000000) {
      if (length > 0) this.#inbox(head).put(`data ${body.toString()}`);
      if ((flags & 1) !== 0) this.#inbox(head).put('fin');
    } else if ((head & 0xffff) === 1) {
      this.#synStream(body);
    } else if ((head & 0xffff) === 3) {
      this.#inbox(body.readUInt32BE(0)).put('reset');
    } else if ((head & 0xffff) === 6 && this.answersPings) {
      this.#control(6, body);
    }
    return true;
  }

  #synStream(body: Buffer): void {
    const id = body.readUInt32BE(0);
    // Without back references into a dictionary each block stands for itself.
    const deflated = body.subarray(this.#firstBlock ? 10 + 6 : 10);
    this.#firstBlock = false;
    const block = inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH });
    const headers = new Map<string, string>();
    let at = 4;
    const text = (): string => {
      const end = at + 4 + block.readUInt32BE(at);
      const value = block.toString('utf8', at + 4, end);
      at = end;
      return value;
    };
    for (let left = block.readUInt32BE(0); left > 0; left--) headers.set(text(), text());
    const requestId = headers.get('requestid') ?? '';
    const half = { type: headers.get('streamtype') ?? '', id };
    const other = this.#halves.get(requestId);
    if (!other) {
      this.#halves.set(requestId, half);
      return;
    }
    this.#halves.delete(requestId);
    const ids = { [half.type]: id, [other.type]: other.id };
    this.#opened.put({
      pod: this.#pod,
      port: Number(headers.get('port')),
      connection: this,
      errorId: ids['error'],
      dataId: ids['data'],
    });
  }

  #inbox(streamId: number): Inbox<string> {
    let inbox = this.#events.get(streamId);
    if (!inbox) {
      inbox = new Inbox();
      this.#events.set(streamId, inbox);
    }
    return inbox;
  }

  #control(type: number, body: Buffer): void {
    this.#socket.write(Buffer.concat([uint32(0x80030000 + type), uint32(body.length), body]));
  }
}

/** An answer that is no success; a bare one where it has no message. */
interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly reason?: string;
}

export class ScriptedApi {
  /** Ready pods of the Service; may change while the server runs. */
  pods: string[];
  /** The uid of each pod; a new one makes it another of the same name. */
  uid = 'first';
  /** Answers to an upgrade other than yes, by method and pod; status 0 cuts it off. */
  refuseUpgrade: (method: string, pod: string) => Refusal | undefined = () => undefined;
  /** Ready endpoints of the Service that are no pods. */
  strangers: readonly string[] = [];
  /** Whether pods may be read; who may not asks for a port-forward without an upgrade. */
  podsMayBeRead = true;
  /** Questions whether a pod is still there. */
  readonly presenceAsked: string[] = [];
  upgrades = 0;
  endpointLists = 0;
  readonly log = new LogLines();
  readonly #server: http.Server;
  readonly #opened = new Inbox<FarStream>();
  readonly #sockets = new Set<Duplex>();
  #cluster: Cluster | undefined;

  constructor(pods: string[]) {
    this.pods = pods;
    this.#server = http.createServer((request, response) => {
      const refusal = this.#refusal(request) ?? this.#presence(request.url ?? '');
      response.writeHead(refusal?.status ?? 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(refusal ?? this.#answer(request.url ?? '')));
    });
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
    this.#server.on('upgrade', (request: http.IncomingMessage, socket: Duplex) => {
      const refusal =
        this.#refusal(request) ??
        (request.headers.upgrade === 'websocket' ? { status: 400, message: 'no such protocol' } : undefined);
      if (refusal?.status === 0) {
        socket.destroy();
        return;
      }
      if (refusal) {
        const body = refusal.message === '' ? '' : JSON.stringify(refusal);
        socket.end(
          `HTTP/1.1 ${refusal.status} No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
        return;
      }
      this.upgrades++;
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
      void new FarConnection(socket, podOf(request.url), this.#opened);
    });
  }

  async start(limits: Partial<ForwardLimits> = {}, transports?: readonly TransportName[]): Promise<Cluster> {
    const access = await this.listen();
    this.#cluster = await connectCluster(access, {
      namespaces: ['test'],
      log: this.log,
      // None is opened but those that the test asks for.
      limits: { warmConnections: 0, ...limits },
      ...(transports && { transports }),
    });
    return this.#cluster;
  }

  async listen(): Promise<ClusterAccess> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const folder = mkdtempSync(join(tmpdir(), 'kns-scripted-'));
    const file = join(folder, 'config');
    const { port } = this.#server.address() as AddressInfo;
    writeFileSync(file, kubeconfigFor(`http://127.0.0.1:${port}/prefix`));
    try {
      return await loadAccess({ kubeconfig: file });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** The next connection that the client opens to a pod. */
  opened(): Promise<FarStream> {
    return this.#opened.next();
  }

  async stop(): Promise<void> {
    await this.#cluster?.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #refusal({ method = '', url = '' }: http.IncomingMessage): Refusal | undefined {
    // What changes is seen when it is asked for, so that a test knows when.
    if (url.includes('watch=true')) return { status: 403, message: 'no watch here' };
    return url.includes('/portforward') ? this.refuseUpgrade(method, podOf(url)) : undefined;
  }

  /** Of what a client may ask about one pod, all but its object. */
  #presence(url: string): Refusal | undefined {
    const [, pod, question] = /\/pods\/([^/]+)(\/portforward)?$/.exec(url) ?? [];
    if (pod === undefined) return undefined;
    this.presenceAsked.push(question ? 'portforward' : 'pod');
    if (!question && !this.podsMayBeRead) return { status: 403, message: `cannot get pod ${pod}` };
    if (!this.pods.includes(pod)) return { status: 404, message: `pods "${pod}" not found` };
    return question ? { status: 400, message: 'Upgrade request required' } : undefined;
  }

  #answer(asked: string): unknown {
    const [url] = asked.split('?');
    if (/\/pods\/[^/]+$/.test(url)) return { metadata: { uid: this.uid }, status: { phase: 'Running' } };
    if (url === '/prefix/api/v1/namespaces/test/services') {
      const ports = [{ port: 80, targetPort: 8080 }];
      const spec = { type: 'ClusterIP', clusterIP: '10.96.0.1', selector: { app: 'app' }, ports };
      return { items: [{ metadata: { namespace: 'test', name: 'app' }, spec }] };
    }
    if (url === '/prefix/apis/discovery.k8s.io/v1/namespaces/test/endpointslices') {
      this.endpointLists++;
      const metadata = { namespace: 'test', name: 'app-1', labels: { 'kubernetes.io/service-name': 'app' } };
      const pods = this.pods.map((name) => ({ targetRef: { kind: 'Pod', name, uid: this.uid } }));
      const endpoints = [...pods, ...this.strangers.map((address) => ({ addresses: [address] }))];
      return { items: [{ metadata, endpoints, ports: [{ name: '', port: 8080, protocol: 'TCP' }] }] };
    }
    throw new Error(`unexpected request ${asked}`);
  }
}

export function kubeconfigFor(server: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "${server}"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: scripted, context: {cluster: c, user: u}}]
current-context: scripted
`;
}

function podOf(url = ''): string {
  return /\/pods\/([^/]+)\//.exec(url)?.[1] ?? '';
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
