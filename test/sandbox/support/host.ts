/**
 * Runs host-program.ts as an ordinary user, from a folder that this user can
 * read, with the real bubblewrap, kernel and device.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildNative } from '../../../sandbox/native/build.ts';
import { TEST_LINK } from '../../support/test-link.ts';
import { ordinaryUser } from '../../support/ordinary-user.ts';
import type { LinkOptions } from '../../../sandbox/index.ts';
import type { HostReport, HostRequest, HostTask, Launched } from './protocol.ts';

const ROOT = join(import.meta.dirname, '../../..');
export const NATIVE = join(ROOT, 'prebuilt', `linux-${process.arch}`);

/** CommonJS dependencies in a bundle of modules ask for `require`. */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export const LINK: LinkOptions = {
  kind: TEST_LINK,
  address: '10.0.1.2',
  prefixLength: 24,
  gateway: '10.0.1.1',
  ipv6: { address: 'fd6b:6e73::2', prefixLength: 64, gateway: 'fd6b:6e73::1' },
  mtu: 65_520,
};

export interface Installation {
  /** The bundled host program. */
  readonly program: string;
  readonly folder: string;
  remove(): void;
}

/** Bundles the host program, with the native parts beside it. */
export async function installHost(): Promise<Installation> {
  await buildNative(NATIVE);
  const folder = mkdtempSync(join(tmpdir(), 'kns-host-'));
  chmodSync(folder, 0o755);
  const program = join(folder, 'dist/host.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'host-program.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: REQUIRE },
  });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  cpSync(NATIVE, join(folder, 'prebuilt', `linux-${process.arch}`), { recursive: true });
  return {
    program,
    folder,
    remove: () => {
      // Those of a test that failed half-way; their sandboxes end with them.
      for (const child of running) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The hosts that have not ended. */
const running = new Set<ChildProcess>();

export interface HostOptions extends Partial<Omit<Launched, 'link'>>, Omit<HostRequest, 'options'> {
  /** Without, the sandbox stands for others to join. */
  readonly command?: readonly string[];
  /** What differs from LINK. */
  readonly link?: Partial<LinkOptions>;
  /** The host program's own environment, beside the tests'. */
  readonly hostEnv?: Record<string, string>;
  /** What runs the host program, such as `unshare`. */
  readonly prefix?: readonly string[];
  readonly input?: string;
  /** As who runs the tests, and not as an ordinary user. */
  readonly asRunner?: boolean;
  /** Files that the host program has open as 4, 5, … */
  readonly open?: readonly number[];
  /** The node to run; default: the tests' own. */
  readonly node?: string;
}

/** Where stdout and stderr of a child are gathered. */
function gather(child: ChildProcess, name: 'stdout' | 'stderr', onText: () => void): { text: string } {
  const gathered = { text: '' };
  child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
    gathered.text += chunk;
    onText();
  });
  return gathered;
}

export class Host {
  readonly child: ChildProcess;
  readonly reports: HostReport[] = [];
  readonly #stdout: { text: string };
  readonly #stderr: { text: string };
  #wake: () => void = () => {};
  #ended = false;

  constructor(installation: Installation, options: HostOptions) {
    const {
      link,
      hostEnv,
      prefix,
      input,
      asRunner = false,
      open,
      node: version,
      cycles,
      passSignals,
      fault,
      ...launched
    } = options;
    const request = { options: { ...launched, link: { ...LINK, ...link } }, cycles, passSignals, fault };
    const node = [version ?? process.execPath, installation.program, JSON.stringify(request)];
    const [file = '', ...args] = [...(prefix ?? []), ...node];
    const { uid, gid } = ordinaryUser();
    this.child = spawn(file, args, {
      cwd: '/',
      env: { ...process.env, ...hostEnv },
      ...(asRunner ? {} : { uid, gid }),
      stdio: ['pipe', 'pipe', 'pipe', 'ipc', ...(open ?? [])],
    });
    running.add(this.child);
    this.child.stdin?.end(input ?? '');
    this.#stdout = gather(this.child, 'stdout', () => this.#wake());
    this.#stderr = gather(this.child, 'stderr', () => this.#wake());
    this.child.on('message', (report: HostReport) => {
      this.reports.push(report);
      this.#wake();
    });
    this.child.on('close', () => {
      running.delete(this.child);
      this.#ended = true;
      this.#wake();
    });
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** One that has ended hears nothing, which `ended` and its reports tell. */
  tell(task: HostTask): void {
    this.child.send(task, () => {});
  }

  /** Waits until `find` finds something in what was reported and printed so far. */
  async until<T>(find: (host: Host) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this);
      if (found !== undefined) return found;
      if (this.#ended)
        throw new Error(`the host ended first; reports ${JSON.stringify(this.reports)}; ${this.stderr}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The first report of a kind. */
  report<K extends HostReport['kind']>(kind: K): Promise<Extract<HostReport, { kind: K }>> {
    return this.until((host) => host.reports.find((each) => isKind(each, kind)) as never);
  }

  async printed(text: string): Promise<void> {
    await this.until((host) => host.stdout.includes(text) || undefined);
  }

  /** The end of the host program and of its output. */
  async ended(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function isKind<K extends HostReport['kind']>(
  report: HostReport,
  kind: K,
): report is Extract<HostReport, { kind: K }> {
  return report.kind === kind;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a sandbox to its end. */
export async function runInSandbox(installation: Installation, options: HostOptions): Promise<Outcome> {
  const host = new Host(installation, options);
  await host.report('launched');
  host.tell({ kind: 'start' });
  const { code } = await host.report('exited');
  await host.ended();
  return { code, stdout: host.stdout, stderr: host.stderr };
}
