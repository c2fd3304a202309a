/**
 * Services at ports of the host: `-p 8080:svc/web:80`.
 *
 * A connection to such a port is dialled as one of the command is, and does not
 * touch the sandbox's network. What is meant is looked up for each connection:
 * a Service may come only after the start, and come back with other ports.
 *
 * What can't be meant is an error before the command starts. What is denied by
 * a rule is one as well: one of the two is not what the user wants.
 */

import { orAborted } from '../../sandbox/index.ts';
import type { ServiceId } from '../cluster/index.ts';
import { UsageError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { StreamRule } from '../publish/index.ts';
import type { Dial } from '../relay/relay.ts';
import { RemoteStreamError } from '../relay/stream.ts';
import type { PublishedTarget } from './choices.ts';
import type { ConnectedContext, ConnectedContexts, ContextOptions } from './contexts.ts';
import { findPublished, wholeText } from './find-published.ts';
import { findTarget, type FoundTarget } from './find-target.ts';
import { type Gate, NO_ADDRESS } from './outside/gate.ts';
import { serviceFlow } from './routing/service-flow.ts';
import { targetPort } from './target-port.ts';

export interface PublishedTargetsOptions {
  readonly contexts: Pick<ConnectedContexts, 'all' | 'find' | 'read'>;
  readonly gate: Gate;
  readonly selection: Pick<ContextOptions, 'selector' | 'picks'>;
  readonly log: Log;
}

export class PublishedTargets {
  readonly #all: readonly TargetPort[];

  constructor(published: readonly PublishedTarget[], options: PublishedTargetsOptions) {
    this.#all = published.map((one) => new TargetPort(one, options));
  }

  get rules(): readonly StreamRule[] {
    return this.#all.map(({ rule }) => rule);
  }

  /**
   * Called when all is read, and what is waited for is there. What is not there yet is told.
   * Throws `PUBLISH_PORT_UNKNOWN`, `PUBLISH_DENIED` and `PUBLISH_TARGET_UNSELECTED`
   */
  check(): void {
    for (const one of this.#all) one.check();
  }
}

class TargetPort {
  readonly rule: StreamRule;
  readonly #published: PublishedTarget;
  readonly #context: ConnectedContext;
  readonly #options: PublishedTargetsOptions;
  readonly #text: string;

  constructor(published: PublishedTarget, options: PublishedTargetsOptions) {
    const { target, port, kind: _, ...host } = published;
    const context = options.contexts.find(target.context);
    this.#published = published;
    this.#context = context;
    this.#options = options;
    this.#text = wholeText(target, context, options.contexts.all.length > 1);
    this.rule = {
      ...host,
      kind: 'stream',
      protocol: 'tcp',
      target: port === undefined ? this.#text : `${this.#text}:${port}`,
      open: (signal) => this.#open(signal),
    };
  }

  check(): void {
    const { target, port } = this.#published;
    const there = findPublished(this.#published, this.#context, {
      selection: this.#options.selection,
      text: this.#text,
    });
    if ('found' in there) {
      this.#mustNotBeDenied(there.port, there.found.service);
      return;
    }
    const { namespace = this.#context.namespaces[0], kind, name } = target;
    if (kind === 'Service' && typeof port === 'number') this.#mustNotBeDenied(port, { namespace, name });
    this.#options.log.warn(
      `${this.#text} ${there.absence}: connections to it from the host are reset until it comes`,
    );
  }

  #mustNotBeDenied(port: number, { namespace, name }: ServiceId): void {
    const denial = this.#options.gate.denialOf(port, { context: this.#context.name, namespace, name });
    if (denial !== undefined)
      throw new UsageError(
        'PUBLISH_DENIED',
        `${this.rule.target} is to be published, and denied by ${denial}`,
        'leave out one of the two, or allow it in front of what denies it',
      );
  }

  async #open(signal: AbortSignal): Promise<Dial> {
    const { contexts, gate } = this.#options;
    await orAborted(contexts.read(), signal);
    const found = findTarget(this.#published.target, this.#context);
    if (found === undefined) throw new RemoteStreamError('refused', 'it is not there');
    const { name: context, cluster } = this.#context;
    const flow = serviceFlow({ ...found, context, cluster }, NO_ADDRESS, this.#portOf(found), gate);
    switch (flow.kind) {
      case 'dial':
        return flow.dial;
      case 'refused':
        throw flow.error;
      case 'prohibited':
        throw new RemoteStreamError('refused', 'a rule denies it');
    }
  }

  #portOf(found: FoundTarget): number {
    return targetPort(found, this.#published.port, { cluster: this.#context.cluster, text: this.#text });
  }
}
