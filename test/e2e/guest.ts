/** What the guest programs of fixtures/guests are told and tell. */

import { fromSetup, inSandbox, type RunOptions } from '../support/program.ts';

export interface TcpTask {
  readonly host: string;
  readonly port: number;
  readonly send?: string;
  readonly end?: boolean;
  readonly until?: string;
  readonly count?: number;
  readonly parallel?: number;
}

export interface TcpResult {
  readonly connected: boolean;
  readonly text: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The far end's FIN was seen. */
  readonly ended: boolean;
  readonly error?: string;
  readonly ms: number;
}

/** The command line that runs a guest program. */
export function guest(program: 'tcp' | 'transfer', ...args: readonly (string | object)[]): string {
  const words = args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg)));
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return [process.execPath, `${fromSetup('KNS_TEST_GUESTS')}/${program}.mjs`, ...quoted].join(' ');
}

/** Runs TCP tasks one after the other in one sandbox. @returns for each task, its connections. */
export async function tcp(tasks: readonly TcpTask[], options: RunOptions = {}): Promise<TcpResult[][]> {
  const { code, stdout, stderr } = await inSandbox(
    tasks.map((task) => guest('tcp', task)).join(' && '),
    options,
  );
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return lines.map((line): TcpResult[] => JSON.parse(line));
}
