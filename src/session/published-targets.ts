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

import { UsageError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { StreamRule } from '../publish/index.ts';
import type { Dial } from '../relay/relay.ts';
import { RemoteStreamError } from '../relay/stream.ts';
import { type PublishedTarget, targetText } from './choices.ts';
import {
  type ConnectedContext,
  type ConnectedContexts,
  type ContextAccess,
  type ContextOptions,
  picksOf,
} from './contexts.ts';
import { findTarget, type FoundTarget } from './find-target.ts';
import { type Gate, NO_ADDRESS } from './outside/gate.ts';
import { serviceFlow } from './routing/service-flow.ts';
import { targetPort } from './target-port.ts';

export interface PublishedTargetsOptions {
  readonly contexts: Pick<ConnectedContexts, 'all' | 'find' | 'read'>;
  readonly gate: Gate;
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

  /** Called when all is read. Throws `PUBLISH_PORT_UNKNOWN` and `PUBLISH_DENIED`; what is not there yet is told */
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
    const { namespace = context.namespaces[0] } = target;
    const ofContext = options.contexts.all.length > 1 ? { context: context.name } : {};
    this.#published = published;
    this.#context = context;
    this.#options = options;
    this.#text = targetText({ ...ofContext, ...target, namespace });
    this.rule = {
      ...host,
      kind: 'stream',
      protocol: 'tcp',
      target: port === undefined ? this.#text : `${this.#text}:${port}`,
      open: () => this.#open(),
    };
  }

  check(): void {
    const found = findTarget(this.#published.target, this.#context);
    if (found === undefined) {
      this.#options.log.warn(
        `${this.#text} is not there yet: connections to it from the host are reset until it comes`,
      );
      return;
    }
    const { namespace, name } = found.service;
    const service = { context: this.#context.name, namespace, name };
    const denial = this.#options.gate.denialOf(this.#portOf(found), service);
    if (denial !== undefined)
      throw new UsageError(
        'PUBLISH_DENIED',
        `${this.rule.target} is to be published, and denied by ${denial}`,
        'leave out one of the two, or allow it in front of what denies it',
      );
  }

  async #open(): Promise<Dial> {
    const { contexts, gate } = this.#options;
    await contexts.read();
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

/** What is not selected never comes. Throws `PUBLISH_TARGET_UNSELECTED` */
export function mustBeSelected(
  contexts: readonly ContextAccess[],
  { publishedTargets, allNamespaces, picks }: ContextOptions,
): void {
  for (const { target } of publishedTargets) {
    const { context, kind, name } = target;
    const access = contexts.find((one) => (context === undefined ? one.isFirst : one.name === context));
    if (access === undefined) continue;
    const { namespaces } = access;
    const { namespace = namespaces[0] } = target;
    const mine = picksOf(access, picks);
    const isPicked = mine.some(
      (pick) =>
        (pick.namespace ?? namespaces[0]) === namespace &&
        // A headless Service brings its pods.
        ((pick.kind === kind && pick.name === name) || (pick.kind === 'Service' && kind === 'Pod')),
    );
    const isListed =
      mine.length === 0 &&
      (kind === 'Service' || kind === 'Pod') &&
      (allNamespaces || namespaces.includes(namespace));
    if (isPicked || isListed) continue;
    const text = targetText(target);
    throw new UsageError(
      'PUBLISH_TARGET_UNSELECTED',
      `--publish: ${text} is not among what is selected of context ${access.name}`,
      mine.length > 0 || kind !== 'Service'
        ? `add --pick ${text}`
        : `choose its namespace as well: ${[...namespaces, namespace].map((one) => `-n ${one}`).join(' ')}`,
    );
  }
}
