/**
 * The contexts of the run that would be, as checks look at them: each part is
 * had once, by whoever asks first, and shared.
 */

import {
  ApiClient,
  Discovery,
  hasPort,
  type Inspection,
  keyOf,
  type Selection,
} from '../../cluster/index.ts';
import {
  type ContextAccess,
  type ContextOptions,
  loadContexts,
  selectionOf,
} from '../../session/contexts.ts';
import type { KnownContext } from '../../session/find-target.ts';

/** The server's clock, and ours when it was asked: half-way between question and answer. */
export interface ClockReading extends Inspection {
  readonly ourMs: number;
}

export class Clusters {
  readonly options: ContextOptions;
  readonly env: NodeJS.ProcessEnv;
  /** One for each context of the options; where they name none, for the current one. */
  readonly all: readonly ClusterContext[];
  #loaded: Promise<ContextAccess[]> | undefined;

  constructor(options: ContextOptions, env: NodeJS.ProcessEnv) {
    this.options = options;
    this.env = env;
    const names: (string | undefined)[] = options.contexts.length > 0 ? [...options.contexts] : [undefined];
    this.all = names.map((name, index) => new ClusterContext(this, name, index));
  }

  /** Throws Actionable errors. */
  load(): Promise<ContextAccess[]> {
    this.#loaded ??= loadContexts(this.options);
    return this.#loaded;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((cluster) => cluster.close()));
  }
}

export class ClusterContext {
  /** As the options name it. */
  readonly name: string | undefined;
  readonly #clusters: Clusters;
  readonly #index: number;
  #api: Promise<ApiClient> | undefined;
  #reading: Promise<ClockReading> | undefined;
  #discovery: Promise<Discovery> | undefined;
  /** Also while it has not begun. */
  #feeds: Discovery | undefined;

  constructor(clusters: Clusters, name: string | undefined, index: number) {
    this.#clusters = clusters;
    this.name = name;
    this.#index = index;
  }

  /** Those of the run, which may be about other contexts too. */
  get options(): ContextOptions {
    return this.#clusters.options;
  }

  async context(): Promise<ContextAccess> {
    const contexts = await this.#clusters.load();
    return contexts[this.#index];
  }

  /** What of the cluster is asked for. */
  async selection(): Promise<Selection> {
    return selectionOf(await this.context(), this.options);
  }

  api(): Promise<ApiClient> {
    this.#api ??= this.context().then(({ access }) => new ApiClient(access));
    return this.#api;
  }

  /** Throws ClusterError. */
  reading(): Promise<ClockReading> {
    this.#reading ??= this.api().then(async (api) => {
      const before = Date.now();
      const inspection = await api.inspect('/version');
      return { ...inspection, ourMs: (before + Date.now()) / 2 };
    });
    return this.#reading;
  }

  /** Lists what a run would list, by the same code. Throws ClusterError. */
  discovery(): Promise<Discovery> {
    this.#discovery ??= this.#discover();
    return this.#discovery;
  }

  /** What a run would know of it. Throws ClusterError. */
  async known(): Promise<KnownContext> {
    const [context, { catalog }] = await Promise.all([this.context(), this.discovery()]);
    return {
      ...context,
      cluster: {
        services: catalog.services,
        find: (namespace, name) => catalog.find({ namespace, name }),
        podsOf: (service) => catalog.endpoints.pods(keyOf(service)),
        hasPort,
      },
    };
  }

  async close(): Promise<void> {
    this.#feeds?.close();
    // Without a kubeconfig there is none.
    const api = await this.#api?.catch(() => undefined);
    await api?.close();
  }

  async #discover(): Promise<Discovery> {
    const [selection, api] = await Promise.all([this.selection(), this.api()]);
    this.#feeds = new Discovery(selection, { api, log: this.options.log, onPodLeft: () => {} });
    await this.#feeds.start();
    await this.#feeds.read();
    return this.#feeds;
  }
}
