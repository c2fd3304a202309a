/**
 * A login plugin: a program that prints credentials (client-go, "credential plugins").
 *
 * It runs once, however many requests wait for it. What it gave is kept until it
 * expires or the server has refused it. It may ask on the terminal as its
 * `interactiveMode` says, until the command has the terminal; from then on it
 * has no input, and what it writes to stderr is quoted in errors instead. One
 * that is asking then is ended, and started again to do without.
 */
import { execa, ExecaError } from 'execa';
import { oneLine } from '../../../errors.ts';
import type { ExecEntry } from '../../entries.ts';
import type { Credential, CredentialSource } from '../authenticator.ts';
import { execInfo, parseExecCredential, type PluginCredential } from './exec-credential.ts';
import type { Terminal } from './terminal.ts';

const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
const INTERACTIVE_MODES = ['Never', 'IfAvailable', 'Always'];
/** For a plugin that asks nobody; it may open a browser all the same. */
const UNATTENDED_TIMEOUT_MS = 60_000;
/** For one that may wait for somebody to type. */
const ATTENDED_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Between SIGTERM and SIGKILL for one that takes too long. */
const KILL_DELAY_MS = 2_000;

export interface PluginContext {
  /** What the plugin is told of the cluster, where the kubeconfig says so. */
  readonly cluster: object | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
}

/** What is wrong with the entry, as the end of a sentence about it. */
export function execProblem(entry: ExecEntry): string | undefined {
  const { apiVersion, command, env, interactiveMode } = entry;
  if (command === '') return 'has no command';
  if (!API_VERSIONS.includes(apiVersion)) {
    return `has the apiVersion "${apiVersion}", which is none of ${API_VERSIONS.join(', ')}`;
  }
  // v1beta1 is from before there was such a field.
  const optional = apiVersion !== API_VERSIONS[0] && interactiveMode === '';
  if (!optional && !INTERACTIVE_MODES.includes(interactiveMode)) {
    return `has the interactiveMode "${interactiveMode}", which is none of ${INTERACTIVE_MODES.join(', ')}`;
  }
  if (env.some(({ name }) => name === '')) return 'has an environment variable without a name';
  return undefined;
}

export class ExecPlugin implements CredentialSource {
  readonly #entry: ExecEntry;
  readonly #context: PluginContext;
  #kept: PluginCredential | undefined;
  #running: Promise<PluginCredential> | undefined;

  constructor(entry: ExecEntry, context: PluginContext) {
    this.#entry = entry;
    this.#context = context;
  }

  async current(): Promise<Credential> {
    const known = this.#kept;
    if (known && Date.now() < known.expiresAtMs) return { ...known.credential, kept: true };
    this.#running ??= this.#run();
    return (await this.#running).credential;
  }

  discard({ authorization, certificate }: Credential): void {
    const known = this.#kept?.credential;
    if (known?.authorization === authorization && known?.certificate === certificate) this.#kept = undefined;
  }

  async #run(): Promise<PluginCredential> {
    try {
      this.#kept = parseExecCredential(await this.#output(), this.#entry.apiVersion);
      return this.#kept;
    } catch (cause) {
      throw new Error(`the login plugin ${this.#entry.command}: ${this.#explain(cause)}`, { cause });
    } finally {
      this.#running = undefined;
    }
  }

  async #output(): Promise<string> {
    const { interactiveMode } = this.#entry;
    const { terminal } = this.#context;
    if (interactiveMode === 'Never') return this.#start();
    const attended = await terminal.lend((signal) => this.#start(signal));
    if (attended !== undefined) return attended;
    if (interactiveMode !== 'Always') return this.#start();
    throw new Error(
      terminal.released
        ? 'it wants the terminal, which the command has now'
        : 'it wants a terminal, and standard input is none',
    );
  }

  /** @param lent ends it; it has the terminal until then */
  async #start(lent?: AbortSignal): Promise<string> {
    const { command, args, apiVersion } = this.#entry;
    const { terminal, cluster } = this.#context;
    const interactive = lent !== undefined;
    const { stdout } = await execa(command, args, {
      env: {
        ...this.#context.env,
        ...Object.fromEntries(this.#entry.env.map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: execInfo(apiVersion, interactive, cluster),
      },
      extendEnv: false,
      stdin: interactive ? 'inherit' : 'ignore',
      stderr: shownStderr(terminal),
      timeout: interactive ? ATTENDED_TIMEOUT_MS : UNATTENDED_TIMEOUT_MS,
      forceKillAfterDelay: KILL_DELAY_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
      ...(lent ? { cancelSignal: lent } : {}),
    });
    return stdout;
  }

  #explain(cause: unknown): string {
    if (!(cause instanceof ExecaError)) return cause instanceof Error ? cause.message : String(cause);
    const { command, installHint } = this.#entry;
    // A folder of PATH that may not be entered makes a missing program a forbidden one.
    if (cause.code === 'ENOENT' || (cause.code === 'EACCES' && !command.includes('/'))) {
      const hint = oneLine(installHint);
      return `there is no such program${hint === '' ? '' : `: ${hint}`}`;
    }
    const said = typeof cause.stderr === 'string' ? oneLine(cause.stderr) : '';
    return said === '' ? howItEnded(cause) : `${howItEnded(cause)}: ${said}`;
  }
}

/** Without its arguments, which execa's own messages have: they may hold secrets. */
function howItEnded({ timedOut, isMaxBuffer, exitCode, signal, originalMessage }: ExecaError): string {
  if (timedOut) return 'it took too long';
  if (isMaxBuffer) return 'it printed more than any credential has';
  if (exitCode !== undefined) return `it ended with code ${exitCode}`;
  return signal === undefined ? `it cannot be started: ${originalMessage ?? ''}` : `${signal} ended it`;
}

/** A terminal is the plugin's own, colours and all; anything else is a place to which we copy what it says. */
function shownStderr(terminal: Terminal): 'inherit' | 'pipe' | ['inherit', 'pipe'] {
  if (terminal.released) return 'pipe';
  return process.stderr.isTTY ? 'inherit' : ['inherit', 'pipe'];
}
