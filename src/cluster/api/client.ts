/**
 * HTTP to the API server: a JSON answer, a body that goes on and on, or a
 * connection upgraded to something else.
 *
 * Each request carries the credentials as they are now. Where the server does
 * not accept those that were kept from before (401), it is asked once more where
 * there are others. A busy server's Retry-After is heeded where nothing is changed by
 * asking again. Requests that end by themselves share a bounded number of slots; a
 * stream takes none, since a watch holds its connection for as long as it lives.
 *
 * Every body is read to its end or its socket destroyed; every wait has a limit.
 */
import type http from 'node:http';
import type https from 'node:https';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { usualTrust } from '../../authorities.ts';
import type { ClusterAccess } from '../access/access.ts';
import type { Grant } from '../access/credentials/authenticator.ts';
import { type JsonAnswer, type ListReader, readJson, readList, readPieces } from './body.ts';
import { closedError, Connections, type Head } from './connections.ts';
import { unreachable } from './errors.ts';
import { inspect, type Inspection } from './inspection.ts';
import { Limit } from './limit.ts';
import { MEDIA_TYPE as PROTOBUF_TYPE } from './protobuf/envelope.ts';
import { retryDelayMs } from './retry-after.ts';
import { Slots } from './slots.ts';

export type { JsonAnswer } from './body.ts';

/** From the request to the last byte of a JSON answer, or to the head of any other. */
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_REQUESTS_IN_FLIGHT = 32;
const JSON_TYPE = 'application/json';
/** For the server's audit log; some gateways refuse requests that have none. */
const USER_AGENT = 'kns-rootless';

export interface UpgradeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** Whether the server is waited for, each time that it changes: it is not while somebody logs in. */
  onWaiting?: (isWaiting: boolean) => void;
}

interface Request extends UpgradeRequest {
  body?: string;
}

export type UpgradeAnswer =
  | { upgraded: true; socket: Duplex; head: Buffer; headers: http.IncomingHttpHeaders }
  | ({ upgraded: false } & JsonAnswer);

export interface StreamOptions {
  /** Ends the stream, whether it has begun or not. */
  readonly signal: AbortSignal;
  /** A silence of this length ends it with an error. */
  readonly idleMs: number;
}

/** A 200 with a body that is read as it comes, or what the server says instead. */
export type StreamAnswer =
  | { streaming: true; body: AsyncIterable<Uint8Array> }
  | ({ streaming: false } & JsonAnswer);

export class ApiClient {
  /** Told of each request as it is sent: what a login plugin takes is over then. */
  onSend: (() => void) | undefined;
  /** Told of each answer as its head has come, whatever it says. */
  onAnswer: (() => void) | undefined;
  readonly access: ClusterAccess;
  readonly #timeoutMs: number;
  readonly #connections: Connections;
  readonly #slots = new Slots(MAX_REQUESTS_IN_FLIGHT);
  readonly #closing = new AbortController();

  constructor(access: ClusterAccess, timeoutMs?: number) {
    this.access = access;
    this.#timeoutMs = timeoutMs ?? access.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#connections = new Connections(access.server, access.proxy);
  }

  /** @throws ClusterError, as the others do, where there is no answer */
  get(path: string): Promise<JsonAnswer> {
    return this.#get(path, JSON_TYPE, readJson);
  }

  /** The same of a list; its items are told as they come, and `body` is what stands around them. */
  getList(path: string, reader: ListReader): Promise<JsonAnswer> {
    const accept = reader.model === undefined ? JSON_TYPE : `${PROTOBUF_TYPE}, ${JSON_TYPE}`;
    return this.#get(path, accept, (response) => readList(response, reader));
  }

  /** Asks by an object; nothing is sent twice for a server that is busy. */
  post(path: string, object: object): Promise<JsonAnswer> {
    const body = JSON.stringify(object);
    const headers = { Accept: JSON_TYPE, 'Content-Type': JSON_TYPE };
    return this.#within(async (limit) =>
      readJson(plain(await this.#send({ method: 'POST', path, headers, body }, limit))),
    );
  }

  /**
   * Asks anything at all, to see the server itself: without credentials, and of
   * whoever answers, so that an expired certificate does not hide the clock.
   */
  inspect(path: string): Promise<Inspection> {
    return this.#within(async (limit) => {
      const options = this.#optionsFor({ method: 'GET', path, headers: {} }, { headers: {} });
      const head = await this.#connections.send({ ...options, rejectUnauthorized: false }, limit);
      const response = plain(head);
      const inspection = inspect(response);
      await readJson(response);
      return inspection;
    });
  }

  upgrade(request: UpgradeRequest): Promise<UpgradeAnswer> {
    return this.#within(async (limit) => {
      const head = await this.#send(request, limit);
      return head.upgraded ? head : { upgraded: false, ...(await readJson(head.response)) };
    });
  }

  /**
   * As many of these as are wanted at once. Whoever leaves the loop over the
   * body closes the connection; what ends it otherwise is thrown there: the reason
   * of the signal, a ClusterError, nothing where the server has ended it.
   */
  async stream(path: string, { signal, idleMs }: StreamOptions): Promise<StreamAnswer> {
    // Compression would keep an event until there is enough of it.
    const headers = { Accept: JSON_TYPE, 'Accept-Encoding': 'identity' };
    const limit = new Limit(this.#timeoutMs, signal);
    try {
      const response = plain(await this.#send({ method: 'GET', path, headers }, limit));
      if (response.statusCode === 200) {
        limit.stopClock();
        return { streaming: true, body: this.#pieces(response, { signal, idleMs }, limit) };
      }
      const answer = await readJson(response);
      limit.release();
      return { streaming: false, ...answer };
    } catch (cause) {
      limit.release();
      throw this.#failure(cause, signal);
    }
  }

  /** The next request opens a connection of its own: after a sleep, or where one has died in silence. */
  dropIdle(): void {
    this.#connections.dropIdle();
  }

  /** Ends all connections, upgraded ones too, and waits until their sockets are closed. */
  close(): Promise<void> {
    this.#closing.abort(closedError());
    return this.#connections.close();
  }

  async #get(
    path: string,
    accept: string,
    read: (response: http.IncomingMessage) => Promise<JsonAnswer>,
  ): Promise<JsonAnswer> {
    const headers = { Accept: accept, 'Accept-Encoding': 'gzip' };
    for (let attempt = 1; ; attempt++) {
      const { answer, waitMs } = await this.#within(async (limit) => {
        const response = plain(await this.#send({ method: 'GET', path, headers }, limit));
        return { waitMs: retryDelayMs(response, attempt), answer: await read(response) };
      });
      if (waitMs === undefined) return answer;
      await this.#pause(waitMs);
    }
  }

  async #pause(waitMs: number): Promise<void> {
    const { signal } = this.#closing;
    await setTimeout(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  async *#pieces(
    response: http.IncomingMessage,
    { signal, idleMs }: StreamOptions,
    limit: Limit,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* readPieces(response, idleMs);
    } catch (cause) {
      throw this.#failure(cause, signal);
    } finally {
      limit.release();
    }
  }

  #failure(cause: unknown, signal: AbortSignal): unknown {
    return signal.aborted ? signal.reason : unreachable(this.access.server, cause);
  }

  #within<T>(exchange: (limit: Limit) => Promise<T>): Promise<T> {
    return this.#slots.run(async () => {
      const limit = new Limit(this.#timeoutMs);
      try {
        return await exchange(limit);
      } catch (cause) {
        throw unreachable(this.access.server, cause);
      } finally {
        limit.release();
      }
    });
  }

  async #send(request: Request, limit: Limit): Promise<Head> {
    const { authenticator } = this.access;
    const grant = await authenticator.grant();
    this.onSend?.();
    request.onWaiting?.(true);
    const head = await this.#connections.send(this.#optionsFor(request, grant), limit, request.body);
    this.onAnswer?.();
    request.onWaiting?.(false);
    if (head.upgraded || head.response.statusCode !== 401) return head;
    if (!(await grant.discard())) return head;
    head.response.resume();
    const other = await authenticator.grant();
    request.onWaiting?.(true);
    return this.#connections.send(this.#optionsFor(request, other), limit, request.body);
  }

  #optionsFor(
    request: Request,
    { headers, certificate }: Pick<Grant, 'headers' | 'certificate'>,
  ): https.RequestOptions {
    const { server, tls } = this.access;
    return {
      ...tls,
      ...certificate,
      ...(needsUsualTrust(this.access) ? usualTrust(certificate) : {}),
      method: request.method,
      host: server.hostname.replaceAll(/^\[|\]$/g, ''),
      port: server.port,
      path: server.pathname.replace(/\/$/, '') + request.path,
      headers: { 'User-Agent': USER_AGENT, ...headers, ...request.headers },
    };
  }
}

/** Whether the server is known by authorities that the user has not named. */
function needsUsualTrust({ server, tls }: ClusterAccess): boolean {
  return server.protocol === 'https:' && tls.ca === undefined && tls.rejectUnauthorized !== false;
}

/** The answer to a GET that asked for no upgrade. */
function plain(head: Head): http.IncomingMessage {
  if (!head.upgraded) return head.response;
  head.socket.destroy();
  throw new Error('the answer to a plain GET was an upgrade');
}
