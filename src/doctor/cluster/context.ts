/**
 * The contexts of the run that would be, as checks look at them: each part is
 * had once, by whoever asks first, and shared.
 */

import {
  ApiClient,
  Discovery,
  type Inspection,
  type Selection,
  type TransportName,
} from '../../cluster/index.ts';
import {
  type ContextAccess,
  type ContextOptions,
  loadContexts,
  selectionOf,
} from '../../session/contexts.ts';

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

  get allNamespaces(): boolean {
    return this.#clusters.options.allNamespaces;
  }

  /** The one that is to be used, where the user says so. */
  get transport(): TransportName | undefined {
    return this.#clusters.options.transport;
  }

  get log(): ContextOptions['log'] {
    return this.#clusters.options.log;
  }

  async context(): Promise<ContextAccess> {
    const contexts = await this.#clusters.load();
    return contexts[this.#index];
  }

  /** What of the cluster is asked for. */
  async selection(): Promise<Selection> {
    return selectionOf(await this.context(), this.#clusters.options);
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

  async close(): Promise<void> {
    this.#feeds?.close();
    // Without a kubeconfig there is none.
    const api = await this.#api?.catch(() => undefined);
    await api?.close();
  }

  async #discover(): Promise<Discovery> {
    const [selection, api] = await Promise.all([this.selection(), this.api()]);
    this.#feeds = new Discovery(selection, { api, log: this.log, onPodLeft: () => {} });
    await this.#feeds.start();
    return this.#feeds;
  }
}
