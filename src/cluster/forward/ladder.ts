/**
 * Which of the three wire protocols reaches the pods of this cluster.
 *
 * A SPDY upgrade carries many streams and is known to all servers, which pass
 * its bytes on as they are; but some load balancers refuse it. SPDY tunnelled
 * in a WebSocket passes every proxy and carries as many, but is known to servers
 * since 1.30 only, which take each byte out of its messages. A WebSocket per
 * connection passes everywhere, and costs a TLS and an upgrade round trip
 * each. They are tried in this order, and the one that worked last is tried
 * first for a while. Only success moves that memory: a refusal may be the
 * fault of one pod or one node.
 *
 * Some proxies cut an upgrade off instead of refusing it, or say nothing at all;
 * either counts as a refusal. Other failures of the network would be the same
 * for all three, and so would the silence of two: that of a pod's node, or of
 * all that is on the way.
 *
 * The rights differ as well: WebSockets are opened with GET (RBAC verb "get" on
 * pods/portforward), a SPDY upgrade with POST ("create"); a 403 for one verb
 * says nothing about the other, and everything about the other protocol of
 * the same verb. That holds for the 403 of the API server's authorizer, which
 * comes with a Status: servers before 1.30 answer a bare 403 to a WebSocket
 * whose protocol they do not know, and so do proxies.
 *
 * The first way down is gone by one alone; who comes meanwhile waits for what it
 * finds. Where that one is not answered, the others go on at once, by the next
 * transport. Each fall is told with its reason, the first time as something that
 * a user may want to know.
 */
import { monotonicMs } from '../../monotonic.ts';
import { codeOf } from '../../system-error.ts';
import type { ApiClient, UpgradeAnswer } from '../api/client.ts';
import { answered } from '../api/errors.ts';
import { CHANNEL_PROTOCOL, ChannelConnection } from '../channels.ts';
import { ClusterError, reasonOf } from '../errors.ts';
import type { ClusterLog } from '../log.ts';
import type { Target } from '../discovery/endpoints.ts';
import { SocketPipe } from '../pipe/socket-pipe.ts';
import { WebSocketPipe, webSocketHandshake } from '../pipe/websocket-pipe.ts';
import { SpdyConnection } from '../spdy/connection.ts';
import type { ForwardLimits } from './limits.ts';
import type { PodConnection, PodConnectionEvents } from './transport.ts';

export type TransportName = 'spdy-websocket' | 'spdy' | 'websocket';

/** In the order in which they are tried. */
export const TRANSPORTS: readonly TransportName[] = ['spdy', 'spdy-websocket', 'websocket'];
const VERB = { 'spdy-websocket': 'get', spdy: 'create', websocket: 'get' } as const;
/** After this the order is gone through from the top again: what failed may have been mended. */
const MEMORY_MS = 10 * 60_000;
const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly verb: string;
  /** A right is missing. */
  readonly forbidden: boolean;
}

type Attempt = { connection: PodConnection } | { refusal: Refusal };

export interface ConnectOptions {
  /** Not by a transport whose connections have one stream, and dial the pod for it at once. */
  readonly sharedOnly?: boolean;
  /** As an upgrade has it; the last may be that it is. */
  readonly onWaiting?: (isWaiting: boolean) => void;
}

export class TransportLadder {
  readonly #api: ApiClient;
  readonly #limits: ForwardLimits;
  readonly #log: ClusterLog;
  readonly #allowed: readonly TransportName[];
  /** Those whose fall has been told. */
  readonly #fallen = new Set<TransportName>();
  /** What was not answered comes last, so that it costs a wait once. */
  #doubted: TransportName | undefined;
  #preferred: TransportName | undefined;
  #preferredUntilMs = 0;
  /** Somebody finds out whether it works. */
  #exploring: Promise<unknown> | undefined;

  constructor(
    api: ApiClient,
    limits: ForwardLimits,
    log: ClusterLog,
    allowed: readonly TransportName[] = TRANSPORTS,
  ) {
    this.#api = api;
    this.#limits = limits;
    this.#log = log;
    this.#allowed = allowed;
  }

  /** What worked last; undefined until something has. */
  get preferred(): TransportName | undefined {
    return this.#preferred;
  }

  /** @throws ClusterError: POD_GONE, or why no transport works */
  async connect(
    target: Target,
    events: PodConnectionEvents,
    options: ConnectOptions = {},
  ): Promise<PodConnection> {
    while (!this.#preferred && this.#exploring) await Promise.allSettled([this.#exploring]);
    return this.#descend(target, events, options);
  }

  async #descend(
    target: Target,
    events: PodConnectionEvents,
    { sharedOnly = false, onWaiting = () => {} }: ConnectOptions,
  ): Promise<PodConnection> {
    const preferred = monotonicMs() < this.#preferredUntilMs ? this.#preferred : undefined;
    const rank = (name: TransportName): number => Number(name === this.#doubted) - Number(name === preferred);
    const order = this.#allowed.toSorted((a, b) => rank(a) - rank(b));
    const forbiddenVerbs = new Set<string>();
    let last: Refusal | undefined;
    let cutOff: unknown;
    let silent: TransportName | undefined;
    for (const name of order) {
      if (forbiddenVerbs.has(VERB[name]) || (sharedOnly && name === 'websocket')) continue;
      const trying = this.#try(name, target, events, onWaiting);
      if (!this.#preferred && !silent) this.#exploring = trying;
      let attempt: Attempt;
      try {
        attempt = await trying;
      } catch (error) {
        const code = codeOf(error instanceof ClusterError ? error.cause : undefined);
        if (code === 'ETIMEDOUT') {
          if (silent) this.#doubted = undefined;
          if (silent || name === this.#preferred) throw this.#unanswered(target, error);
          this.#doubted = silent = name;
        } else if (code !== 'ECONNRESET') {
          throw error;
        }
        cutOff ??= error;
        this.#tellFall(name, target, reasonOf(error));
        continue;
      } finally {
        if (this.#exploring === trying) this.#exploring = undefined;
      }
      if ('connection' in attempt) {
        if (this.#preferred !== name) this.#log.debug(`port-forward by ${name}`);
        if (name === this.#doubted) this.#doubted = undefined;
        if (preferred !== name) this.#preferredUntilMs = monotonicMs() + MEMORY_MS;
        this.#preferred = name;
        return attempt.connection;
      }
      const { refusal } = attempt;
      if (refusal.status === 401) throw this.#error(refusal, target);
      if (isGone(refusal, target)) {
        throw new ClusterError(
          'POD_GONE',
          `pod ${target.pod.namespace}/${target.pod.name} is gone`,
          'try again: its successor is used as soon as it is ready',
        );
      }
      this.#tellFall(name, target, `${refusal.status} ${refusal.message}`.trimEnd());
      if (refusal.forbidden) forbiddenVerbs.add(refusal.verb);
      // A missing right is what the user can act on; it outlives the later refusals.
      if (!last?.forbidden) last = refusal;
    }
    if (cutOff !== undefined && !last?.forbidden) throw cutOff;
    throw this.#error(last ?? refusal(0, 'no transport is allowed', 'get'), target);
  }

  #tellFall(name: TransportName, target: Target, why: string): void {
    const told = this.#fallen.has(name);
    this.#fallen.add(name);
    this.#log[told ? 'debug' : 'info'](`port-forward to ${target.pod.name} not by ${name}: ${why}`);
  }

  async #try(
    name: TransportName,
    target: Target,
    events: PodConnectionEvents,
    onWaiting: (isWaiting: boolean) => void,
  ): Promise<Attempt> {
    const { namespace, name: pod } = target.pod;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/portforward`;
    if (name === 'spdy') {
      const answer = await this.#api.upgrade({
        method: 'POST',
        path,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'SPDY/3.1',
          'X-Stream-Protocol-Version': PORT_FORWARD_PROTOCOL,
          'Content-Length': '0',
        },
        onWaiting,
      });
      if (!answer.upgraded) return refused(answer, name);
      return {
        connection: new SpdyConnection(
          (pipeEvents) => new SocketPipe(answer.socket, answer.head, pipeEvents),
          this.#limits,
          events,
        ),
      };
    }

    const channels = name === 'websocket';
    const handshake = webSocketHandshake(channels ? CHANNEL_PROTOCOL : TUNNEL_PROTOCOL);
    const answer = await this.#api.upgrade({
      method: 'GET',
      path: channels ? `${path}?ports=${target.port}` : path,
      headers: handshake.headers,
      onWaiting,
    });
    if (!answer.upgraded) return refused(answer, name);
    if (!handshake.accepted(answer.headers)) {
      answer.socket.destroy();
      return { refusal: refusal(101, 'with another protocol', VERB[name]) };
    }
    const makePipe = (pipeEvents: ConstructorParameters<typeof WebSocketPipe>[2]): WebSocketPipe =>
      new WebSocketPipe(answer.socket, answer.head, pipeEvents);
    return {
      connection: channels
        ? new ChannelConnection(target.port, makePipe, this.#limits, events)
        : new SpdyConnection(makePipe, this.#limits, events),
    };
  }

  /** Whose silence it is can't be told: the API server has answered none of this. */
  #unanswered({ pod: { namespace, name } }: Target, cause: unknown): ClusterError {
    const why = reasonOf(cause instanceof ClusterError ? cause.cause : cause);
    return new ClusterError(
      'FORWARD_UNANSWERED',
      `no port-forward to pod ${namespace}/${name}: ${why} by ${this.#api.access.server.href} or the pod's node`,
      'see whether the node is up (kubectl get nodes), and check the network and the VPN',
      { cause },
    );
  }

  #error({ status, message, verb, forbidden }: Refusal, target: Target): ClusterError {
    if (status === 401 || forbidden) {
      return answered(status, message, {
        verb,
        resource: 'pods/portforward',
        namespace: target.pod.namespace,
        contextName: this.#api.access.contextName,
      });
    }
    return new ClusterError(
      'FORWARD_REFUSED',
      `no port-forward to pod ${target.pod.namespace}/${target.pod.name}: the server answered ${status} ${message}`.trimEnd(),
      `see whether kubectl meets the same: kubectl -n ${target.pod.namespace} port-forward pod/${target.pod.name} :${target.port}`,
    );
  }
}

/** The API server says it with 404; a kubelet that has the pod no more, with 500. */
function isGone({ status, message }: Refusal, { pod }: Target): boolean {
  return (status === 404 && message.includes(pod.name)) || /\bpod (not found|does not exist)/.test(message);
}

function refused(answer: Extract<UpgradeAnswer, { upgraded: false }>, name: TransportName): Attempt {
  const { body, status, message } = answer;
  const reason = typeof body === 'object' && body !== null && 'reason' in body ? body.reason : undefined;
  return { refusal: refusal(status, message, VERB[name], status === 403 && reason === 'Forbidden') };
}

function refusal(status: number, message: string, verb: string, forbidden = false): Refusal {
  return { status, message, verb, forbidden };
}
