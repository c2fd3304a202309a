/**
 * The logins of a process: what contexts have in common where they are the same user's.
 *
 * As with client-go, contexts with the same login plugin have one run of it, and
 * what it gave is good for all of them; the same is one that would be started in
 * the same way. An OIDC user is renewed once, whose refresh token may be good for
 * one use. All ask on the one terminal that a process has.
 */
import type { ExecEntry } from '../entries.ts';
import type { CredentialSource } from './authenticator.ts';
import { ExecPlugin } from './plugin/exec-plugin.ts';
import { type OidcContext, OidcProvider } from './oidc/oidc.ts';
import { Terminal } from './plugin/terminal.ts';

export class Logins {
  readonly terminal: Terminal;
  /** As many as the contexts that were loaded have. */
  readonly #sources = new Map<string, CredentialSource>();

  constructor(terminal = new Terminal()) {
    this.terminal = terminal;
  }

  /** @param cluster what the plugin is told of it, where the kubeconfig says so */
  plugin(entry: ExecEntry, cluster: object | undefined, env: NodeJS.ProcessEnv): CredentialSource {
    const { terminal } = this;
    return this.#shared([entry, cluster, env], () => new ExecPlugin(entry, { cluster, env, terminal }));
  }

  oidc(config: Readonly<Record<string, string>>, context: OidcContext): CredentialSource {
    const { userName, file, env } = context;
    return this.#shared([config, userName, file, env], () => new OidcProvider(config, context));
  }

  /** @param identity what makes it the same, as JSON has it */
  #shared(identity: readonly unknown[], make: () => CredentialSource): CredentialSource {
    const key = JSON.stringify(identity);
    let source = this.#sources.get(key);
    if (!source) this.#sources.set(key, (source = make()));
    return source;
  }
}
