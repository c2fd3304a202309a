/**
 * The login plugins that a process runs, and the terminal that they ask on.
 *
 * As with client-go, contexts with the same plugin have one in common: it runs
 * once for all of them, and what it gave is good for all. The same is one that
 * would be started in the same way: by its entry, its environment and, where it
 * is told of the cluster, the cluster.
 */
import type { ExecEntry } from '../entries.ts';
import { ExecPlugin } from './exec-plugin.ts';
import { Terminal } from './terminal.ts';

export class Logins {
  readonly terminal: Terminal;
  /** As many as there are plugins in the user's kubeconfigs. */
  readonly #plugins = new Map<string, ExecPlugin>();

  constructor(terminal = new Terminal()) {
    this.terminal = terminal;
  }

  /** @param cluster what the plugin is told of it, where the kubeconfig says so */
  plugin(entry: ExecEntry, cluster: object | undefined, env: NodeJS.ProcessEnv): ExecPlugin {
    const key = JSON.stringify([entry, cluster, env]);
    let plugin = this.#plugins.get(key);
    if (!plugin) {
      plugin = new ExecPlugin(entry, { cluster, env, terminal: this.terminal });
      this.#plugins.set(key, plugin);
    }
    return plugin;
  }
}
