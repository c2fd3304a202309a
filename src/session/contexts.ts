/**
 * The contexts of one sandbox: whose Services are in it, and how names tell them apart.
 *
 * Each context is a cluster of its own, with its own credentials, connections
 * and namespaces. They are connected side by side; where one fails, the others
 * are given up. The first is the one that bare names belong to.
 */

import {
  type AccessOptions,
  type Cluster,
  type ClusterAccess,
  type ConnectOptions,
  connectUnread,
  loadAccess,
  type Selection,
  type TransportName,
} from '../cluster/index.ts';
import { UsageError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import {
  type Alias,
  type NamespaceChoice,
  type PublishedTarget,
  type Target,
  targetText,
  type Wait,
} from './choices.ts';
import { contextLabels } from './context-labels.ts';

/** A context before anything of its cluster is known. */
export interface ContextAccess {
  /** Of the kubeconfig. */
  readonly name: string;
  readonly access: ClusterAccess;
  /** The last label of its names: `web.shop.prod`. */
  readonly label: string;
  /** What tells its addresses from those of the other contexts; the same from run to run. */
  readonly key: string;
  /** It has the bare names, and what is asked for without a context. */
  readonly isFirst: boolean;
  /** In the order in which they have the bare names. */
  readonly namespaces: readonly string[];
}

export interface ConnectedContext extends ContextAccess {
  readonly cluster: Cluster;
}

export interface ContextOptions extends Omit<AccessOptions, 'context'> {
  /** None: the kubeconfig's current one. */
  readonly contexts: readonly string[];
  /** None: each context's own. */
  readonly namespaces: readonly NamespaceChoice[];
  readonly allNamespaces: boolean;
  /** Of labels, as kubectl's -l. */
  readonly selector?: string;
  /** A context that has some has nothing else. */
  readonly picks: readonly Target[];
  readonly aliases: readonly Alias[];
  readonly waits: readonly Wait[];
  readonly publishedTargets: readonly PublishedTarget[];
  /** The one transport to use; without, whichever works. */
  readonly transport?: TransportName;
  readonly log: Log;
}

/** Throws Actionable errors. */
export async function loadContexts(options: ContextOptions): Promise<ContextAccess[]> {
  const { contexts, log, ...others } = options;
  const rest = { ...others, warn: (message: string) => log.warn(message) };
  const loading =
    contexts.length === 0 ? [loadAccess(rest)] : contexts.map((context) => loadAccess({ ...rest, context }));
  const accesses = await Promise.all(loading);
  mustBeChosen(
    [
      ...options.namespaces,
      ...options.picks,
      ...[...options.aliases, ...options.waits, ...options.publishedTargets].map(({ target }) => target),
    ],
    accesses,
  );
  const keys = new Set<string>();
  return contextLabels(accesses.map(({ contextName }) => contextName)).map(({ label, takenBy }, i) => {
    const access = accesses[i];
    if (takenBy !== undefined) {
      options.log.warn(
        `context ${access.contextName} is called "${label}" in names: ${takenBy} comes out as the same`,
      );
    }
    // Two contexts may share a cluster (another user, other rights): each has addresses of its own.
    const key = keys.has(access.clusterName)
      ? `${access.clusterName}@${access.contextName}`
      : access.clusterName;
    keys.add(key);
    return {
      name: access.contextName,
      access,
      label,
      key,
      isFirst: i === 0,
      namespaces: namespacesOf(access, options.namespaces),
    };
  });
}

/** Connects them all, or none; what they list is still to be read, and to be followed. Throws the first failure. */
export async function connectContexts(
  contexts: readonly ContextAccess[],
  options: ContextOptions,
): Promise<ConnectedContexts> {
  const attempts = contexts.map(async (context): Promise<ConnectedContext> => {
    const cluster = await connectUnread(context.access, connectOptions(context, options));
    return { ...context, cluster };
  });
  try {
    return new ConnectedContexts(await Promise.all(attempts));
  } catch (error) {
    // Not waited for: a server that does not answer takes its time.
    for (const attempt of attempts) attempt.then(({ cluster }) => cluster.close()).catch(() => {});
    throw error;
  }
}

/** What is chosen of a context, as the user is told. */
export function selectionText(
  context: ContextAccess,
  { allNamespaces, selector, picks }: ContextOptions,
): string {
  const mine = picksOf(context, picks);
  if (mine.length > 0) return mine.map((pick) => targetText(pick)).join(', ');
  const { namespaces } = context;
  const where = `${namespaces.length === 1 ? 'namespace' : 'namespaces'} ${namespaces.join(', ')}`;
  return `${allNamespaces ? 'all namespaces' : where}${selector === undefined ? '' : ` with ${selector}`}`;
}

function connectOptions(context: ContextAccess, options: ContextOptions): ConnectOptions {
  const { transport, log } = options;
  return {
    ...selectionOf(context, options),
    log,
    ...(transport === undefined ? {} : { transports: [transport] }),
  };
}

/** What of a context's cluster is asked for. */
export function selectionOf(
  context: ContextAccess,
  { allNamespaces, selector, picks }: ContextOptions,
): Selection {
  const mine = picksOf(context, picks);
  return {
    namespaces: context.namespaces,
    allNamespaces,
    ...(selector === undefined ? {} : { selector }),
    ...(mine.length === 0 ? {} : { picks: mine }),
  };
}

/** Those that name no context are of the first. */
export function picksOf({ access, isFirst }: ContextAccess, picks: readonly Target[]): Target[] {
  return picks.filter(({ context }) => (context === undefined ? isFirst : context === access.contextName));
}

export class ConnectedContexts {
  readonly all: readonly ConnectedContext[];
  #reading: Promise<unknown> | undefined;

  constructor(all: readonly ConnectedContext[]) {
    this.all = all;
  }

  /** Those that were named, or the first. */
  find(context: string | undefined): ConnectedContext {
    const found = this.all.find(({ access }) => context === undefined || access.contextName === context);
    if (found === undefined) throw new Error(`context ${context} was not connected`);
    return found;
  }

  /** How many Services there are, read or not. */
  get serviceCount(): number {
    return this.all.reduce((sum, { cluster }) => sum + cluster.serviceCount, 0);
  }

  /** Whether there is something left to be read. */
  get areUnread(): boolean {
    return this.all.some(({ cluster }) => cluster.serviceCount > cluster.services.length);
  }

  /** Resolves when all is read, whoever asks for it. */
  async read(): Promise<void> {
    this.#reading ??= Promise.all(this.all.map(({ cluster }) => cluster.read()));
    await this.#reading;
  }

  follow(): void {
    for (const { cluster } of this.all) cluster.follow();
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ cluster }) => cluster.close()));
  }
}

function namespacesOf(access: ClusterAccess, choices: readonly NamespaceChoice[]): string[] {
  const mine = choices
    .filter(({ context }) => context === undefined || context === access.contextName)
    .map(({ namespace }) => namespace);
  return mine.length > 0 ? [...new Set(mine)] : [access.namespace];
}

/** What names a context must name one of those asked for, lest a typing error go unnoticed. */
function mustBeChosen(
  choices: readonly { readonly context?: string }[],
  accesses: readonly ClusterAccess[],
): void {
  const names = accesses.map(({ contextName }) => contextName);
  const stray = choices.find(({ context }) => context !== undefined && !names.includes(context));
  if (stray === undefined) return;
  throw new UsageError(
    'CONTEXT_NOT_CHOSEN',
    `something is asked of context "${stray.context}", which is not among the contexts of this run: ${names.join(', ')}`,
    `add --context ${stray.context}, or correct the name in front of the slash`,
  );
}
