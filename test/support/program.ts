/** Runs the installed program as the ordinary user, and tells all that came of it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { ordinaryUser } from './ordinary-user.ts';
import { PROGRAM_DEFAULTS } from './program-defaults.ts';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  readonly cwd?: string;
  /** What starts the program, such as a shell that ignores a signal. */
  readonly prefix?: readonly string[];
  /** The run is ended by SIGKILL, and the promise rejects, when it takes longer. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/** Where the suites find what the global set-up has made. */
export function fromSetup(
  name:
    | 'KNS_TEST_PROGRAM'
    | 'KNS_TEST_GUESTS'
    | 'KNS_TEST_KUBECONFIG'
    /** Of an account that may look things up and forward in the namespace e2e, and nothing else. */
    | 'KNS_TEST_FORWARDER_KUBECONFIG',
): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: the global set-up has not run`);
  return value;
}

/** Starts the program; the caller sees to its end. */
export function startProgram(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const user = ordinaryUser();
  const [file = '', ...rest] = [...(options.prefix ?? []), fromSetup('KNS_TEST_PROGRAM'), ...args];
  const child = spawn(file, rest, {
    cwd: options.cwd ?? '/',
    env: {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      SHELL: '/bin/sh',
      KUBECONFIG: fromSetup('KNS_TEST_KUBECONFIG'),
      ...PROGRAM_DEFAULTS,
      ...options.env,
    },
    uid: user.uid,
    gid: user.gid,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {}); // a command that does not read its input closes it
  child.stdin?.end(options.input);
  return child;
}

export async function runProgram(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = startProgram(args, options);
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const limit = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearTimeout(timer);
  if (child.signalCode === 'SIGKILL')
    throw new Error(`not over after ${limit} ms: ${args.join(' ')}\n${stderr}`);
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** Runs a shell script inside the sandbox, in namespace e2e. */
export function inSandbox(script: string, options: RunOptions = {}): Promise<RunResult> {
  return runProgram(['-n', 'e2e', '--', 'sh', '-c', script], options);
}
