/**
 * HTTP to the API server: a JSON answer, or a connection upgraded to something else.
 *
 * Credentials are asked for anew by each burst of requests, so that a token that
 * was renewed meanwhile is the one that is sent. One keep-alive agent serves all
 * requests of a cluster; an upgrade takes a connection out of it for good, so
 * that the first forward after the lists at start needs no TLS handshake.
 * The agent also bounds the requests in flight. Where the kubeconfig names a
 * proxy, client-node's own agent for it is used.
 *
 * Every body is read to its end or its socket destroyed; every wait has a limit.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ClusterAccess } from '../access/access.ts';
import { unreachable } from './errors.ts';
import { ClusterError, oneLine, reasonOf } from '../errors.ts';

/** From the request to the last byte of a JSON answer, or to the answer to an upgrade. */
const REQUEST_TIMEOUT_MS = 15_000;
/** For the user's login plugin, which may have to open a browser. */
const CREDENTIALS_TIMEOUT_MS = 60_000;
/**
 * Requests within this share credentials: a login plugin is a program that is
 * started, and some servers' plugins open a browser.
 */
const CREDENTIALS_REUSE_MS = 5_000;
/** The largest answer that is read; a list of 10,000 Services has about 20 MB. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
const MAX_REQUESTS_IN_FLIGHT = 32;
const MAX_IDLE_CONNECTIONS = 4;

export interface JsonAnswer {
  status: number;
  /** The parsed body; undefined where it is not JSON. */
  body: unknown;
  /** The message of a Status body, or the start of any other body. */
  message: string;
}

export interface UpgradeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
}

export type UpgradeAnswer =
  | { upgraded: true; socket: Duplex; head: Buffer; headers: http.IncomingHttpHeaders }
  | ({ upgraded: false } & JsonAnswer);

/** What client-node adds to a request: headers, TLS files, and an agent for the proxy. */
type Credentials = Omit<https.RequestOptions, 'headers'> & { headers: Record<string, string> };

/** Credentials as they were had once, for as long as requests share them. */
interface Login {
  readonly credentials: Promise<Credentials>;
  done: boolean;
  untilMs: number;
}

export class ApiClient {
  readonly access: ClusterAccess;
  readonly #timeoutMs: number;
  readonly #agent: http.Agent;
  readonly #inFlight = new Set<http.ClientRequest>();
  /** All that are open, idle and upgraded ones too. */
  readonly #sockets = new Set<Duplex>();
  #login: Login | undefined;
  #closed = false;

  constructor(access: ClusterAccess, timeoutMs: number = REQUEST_TIMEOUT_MS) {
    this.access = access;
    this.#timeoutMs = timeoutMs;
    const agentOptions = {
      keepAlive: true,
      maxSockets: MAX_REQUESTS_IN_FLIGHT,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
    };
    this.#agent =
      access.server.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  }

  async get(path: string): Promise<JsonAnswer> {
    const result = await this.#send({
      method: 'GET',
      path,
      headers: { Accept: 'application/json', 'Accept-Encoding': 'gzip' },
    });
    if (result.upgraded) {
      result.socket.destroy();
      throw unreachable(this.access.server, new Error('the answer to a plain GET was an upgrade'));
    }
    return result;
  }

  async upgrade(request: UpgradeRequest): Promise<UpgradeAnswer> {
    return this.#send(request);
  }

  /** Ends all connections, upgraded ones too, and waits until their sockets are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const request of this.#inFlight) request.destroy(closedError());
    this.#agent.destroy();
    await Promise.all(
      [...this.#sockets].map(
        (socket) =>
          new Promise((resolve) => {
            socket.once('close', resolve);
            socket.destroy();
          }),
      ),
    );
  }

  async #send(request: UpgradeRequest): Promise<UpgradeAnswer> {
    const earlier = this.#login?.done ? this.#login : undefined;
    const login = this.#currentLogin();
    const answer = await this.#sendWith(request, await login.credentials);
    if (answer.upgraded || answer.status !== 401) return answer;
    if (this.#login === login) this.#login = undefined;
    // A token that was had before may have expired since; one asked for just now is the best there is.
    if (login !== earlier) return answer;
    return this.#sendWith(request, await this.#currentLogin().credentials);
  }

  async #sendWith(request: UpgradeRequest, credentials: Credentials): Promise<UpgradeAnswer> {
    const options = this.#optionsFor(request, credentials);
    try {
      return await this.#once(options);
    } catch (cause) {
      // A kept-alive connection may be closed by the server in the moment it
      // is used again; that request was not read, and a new connection tells.
      if (!(cause instanceof StaleConnection)) throw unreachable(this.access.server, cause);
    }
    try {
      return await this.#once(this.access.proxied ? options : { ...options, agent: false });
    } catch (cause) {
      throw unreachable(this.access.server, cause);
    }
  }

  #track(socket: Duplex): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** That of the last burst of requests, or a new one. */
  #currentLogin(): Login {
    if (!this.#login || this.#login.untilMs <= performance.now()) {
      const login: Login = { credentials: this.#askForCredentials(), done: false, untilMs: Infinity };
      this.#login = login;
      void this.#settle(login);
    }
    return this.#login;
  }

  async #settle(login: Login): Promise<void> {
    try {
      await login.credentials;
      login.done = true;
      login.untilMs = performance.now() + CREDENTIALS_REUSE_MS;
    } catch {
      // Those who wait are told; who comes later asks again.
      if (this.#login === login) this.#login = undefined;
    }
  }

  #optionsFor(request: UpgradeRequest, credentials: Credentials): https.RequestOptions {
    if (this.#closed) throw closedError();
    const { server, proxied } = this.access;
    return {
      ...credentials,
      ...(proxied ? {} : { agent: this.#agent }),
      method: request.method,
      protocol: server.protocol,
      host: server.hostname.replaceAll(/^\[|\]$/g, ''),
      port: server.port,
      path: server.pathname.replace(/\/$/, '') + request.path,
      headers: { ...credentials.headers, ...request.headers },
    };
  }

  async #askForCredentials(): Promise<Credentials> {
    const { contextName, kubeConfig } = this.access;
    const options: Credentials = { headers: {} };
    let timer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        kubeConfig.applyToHTTPSOptions(options),
        new Promise((_, reject) => {
          timer = setTimeout(
            () => reject(new Error(`none within ${CREDENTIALS_TIMEOUT_MS / 1000} s`)),
            CREDENTIALS_TIMEOUT_MS,
          );
        }),
      ]);
      return options;
    } catch (cause) {
      throw new ClusterError(
        'CREDENTIALS_FAILED',
        `the credentials of context "${contextName}" cannot be had: ${reasonOf(cause)}`,
        `log in again as you do for kubectl, and check with: kubectl --context ${contextName} get --raw /version`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #once(options: https.RequestOptions): Promise<UpgradeAnswer> {
    return new Promise((resolve, reject) => {
      const request = (options.protocol === 'https:' ? https : http).request(options);
      const deadline = setTimeout(
        () => request.destroy(new Error(`no answer within ${this.#timeoutMs / 1000} s`)),
        this.#timeoutMs,
      );
      const settle = (): void => {
        clearTimeout(deadline);
        this.#inFlight.delete(request);
      };
      this.#inFlight.add(request);
      request.once('socket', (socket) => this.#track(socket));
      request.once('error', (error) => {
        settle();
        const code = 'code' in error ? error.code : undefined;
        const stale = request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
        reject(stale && !this.#closed ? new StaleConnection() : error);
      });
      request.once('upgrade', (response, socket, head) => {
        settle();
        resolve({ upgraded: true, socket, head, headers: response.headers });
      });
      request.once('response', (response) => {
        // An error in the middle of a body reaches the response, not the request.
        readBody(response)
          .finally(settle)
          .then(
            (answer) => resolve({ upgraded: false, status: response.statusCode ?? 0, ...answer }),
            (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
          );
      });
      request.end();
    });
  }
}

class StaleConnection extends Error {}

function closedError(): ClusterError {
  return new ClusterError('CLUSTER_CLOSED', 'the session has ended', 'start a new one');
}

const inflateBody = promisify(gunzip);

async function readBody(response: http.IncomingMessage): Promise<{ body: unknown; message: string }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks, length);
  const text = (
    response.headers['content-encoding'] === 'gzip'
      ? await inflateBody(raw, { maxOutputLength: MAX_BODY_BYTES })
      : raw
  ).toString();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { body: undefined, message: oneLine(text) };
  }
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  return { body, message: typeof said === 'string' ? oneLine(said) : '' };
}
