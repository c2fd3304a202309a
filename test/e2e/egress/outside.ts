/**
 * The released program on a host of the test's own, with an outside of its own:
 * the far host's servers, its DNS server in the near host's resolv.conf, and
 * routes that lead nowhere. The default policy stays on.
 */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../support/bundle.ts';
import { type Network, startNetwork } from '../../support/near-and-far.ts';
import { runProgram, type RunOptions, type RunResult } from '../../support/program.ts';
import { type Serving, type ServingOptions, startServing } from '../../support/serving.ts';
import { until } from '../../support/until.ts';
import { makeAuthority } from '../../src/cluster/access/authority.ts';
import type { FarOptions } from './far/main.ts';
import type { Done, Step } from './inside/steps.ts';

export const FAR = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;
/** For each of them `ip route` has a kind of dead end (ip-route(8)). */
export const NO_SUCH_HOST = '198.51.100.1';
export const PROHIBITED = '198.51.100.2';
/** On the link, and nobody answers. */
export const NOBODY = '192.0.2.99';

const RUN_TIMEOUT_MS = 60_000;

export interface InsideOptions extends RunOptions {
  /** Of the program; what policy says by default is `--egress allow`. */
  readonly args?: readonly string[];
}

export class Outside {
  /** Read and written by the sandbox and by the far servers. */
  readonly folder: string;
  /** PEM, in a file. */
  readonly authority: string;
  readonly #network: Network;
  readonly #far: Serving;
  readonly #others: Serving[] = [];

  private constructor(folder: string, authority: string, network: Network, far: Serving) {
    this.folder = folder;
    this.authority = authority;
    this.#network = network;
    this.#far = far;
  }

  static async start(): Promise<Outside> {
    const folder = mkdtempSync(join(tmpdir(), 'kns-outside-'));
    chmodSync(folder, 0o777);
    const work = join(folder, 'far');
    mkdirSync(work);
    chmodSync(work, 0o777);
    const issuer = await makeAuthority();
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, issuer.ca);
    writeFileSync(join(folder, 'resolv.conf'), RESOLV_CONF);
    await bundleProgram(join(import.meta.dirname, 'inside/steps.ts'), join(folder, 'steps.mjs'));
    await bundleProgram(join(import.meta.dirname, 'far/main.ts'), join(folder, 'far.mjs'));
    const network = await startNetwork(setUp(folder));
    const options: FarOptions = {
      folder: work,
      tls: await issuer.server(['web.example', FAR[4], 'proxy.example']),
    };
    writeFileSync(join(work, 'cert.pem'), options.tls.cert);
    writeFileSync(join(work, 'key.pem'), options.tls.key);
    const far = await startServing(
      [...network.far, process.execPath, join(folder, 'far.mjs'), JSON.stringify(options)],
      { ready: /"ready"/ },
    );
    return new Outside(folder, authority, network, far);
  }

  /** One more server on the far host. */
  async serve(command: readonly string[], options?: ServingOptions): Promise<void> {
    this.#others.push(await startServing([...this.#network.far, ...command], options));
  }

  /** One on the near host, where no flow is to come. */
  async serveNear(command: readonly string[], options?: ServingOptions): Promise<Serving> {
    const server = await startServing([...this.#network.near, ...command], options);
    this.#others.push(server);
    return server;
  }

  /** The program, as the ordinary user on the near host. */
  program(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runProgram(args, {
      timeoutMs: RUN_TIMEOUT_MS,
      ...options,
      env: { KNS_ROOTLESS_EGRESS: undefined, HOME: this.folder, ...options.env },
      prefix: this.#network.near,
    });
  }

  /** A shell script in a sandbox. */
  inside(script: string, { args = [], ...options }: InsideOptions = {}): Promise<RunResult> {
    return this.program(['--demo', '-n', 'e2e', ...args, '--', 'sh', '-ec', script], options);
  }

  /** A shell script in a sandbox, that has to succeed. @returns what it printed */
  async output(script: string, options?: InsideOptions): Promise<string> {
    const { code, stdout, stderr } = await this.inside(script, options);
    if (code !== 0) throw new Error(`${script}: exit code ${code}\n${stderr}\n${stdout}`);
    return stdout.trim();
  }

  /** The command line of a program for the inside that does these. */
  commandOf(steps: readonly Step[]): string {
    return `${process.execPath} ${this.folder}/steps.mjs '${JSON.stringify(steps)}'`;
  }

  /** @returns what came of each */
  async steps(steps: readonly Step[], options?: InsideOptions): Promise<Done[]> {
    const stdout = await this.output(this.commandOf(steps), options);
    return stdout.split('\n').map((line): Done => JSON.parse(line));
  }

  /** The same, without the times. */
  async said(steps: readonly Step[], options?: InsideOptions): Promise<unknown[]> {
    return (await this.steps(steps, options)).map(({ said }) => said);
  }

  /** With another resolv.conf on the near host. */
  async withResolvers(text: string, run: () => Promise<void>): Promise<void> {
    const file = join(this.folder, 'resolv.conf');
    writeFileSync(file, text);
    try {
      await run();
    } finally {
      writeFileSync(file, RESOLV_CONF);
    }
  }

  /** What the far host's servers have told so far, once what is waited for is among it. */
  async told(isThere: (lines: readonly string[]) => boolean = () => true): Promise<readonly string[]> {
    await until(() => Promise.resolve(isThere(this.#far.lines)));
    return this.#far.lines;
  }

  async close(): Promise<void> {
    for (const server of [...this.#others, this.#far]) await server.stop();
    await this.#network.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const RESOLV_CONF = `nameserver ${FAR[4]}
search corp.example
options timeout:1 attempts:2
`;

function setUp(folder: string): string {
  return `echo "0 0" > /proc/sys/net/ipv4/ping_group_range
ip route add unreachable ${NO_SUCH_HOST}
ip route add prohibit ${PROHIBITED}
ip route add 203.0.113.0/24 via ${FAR[4]}
ip route add 169.254.0.0/16 via ${FAR[4]}
ip -6 route add 64:ff9b::/96 via ${FAR[6]}
ip -6 route add 2002::/16 via ${FAR[6]}
mount --bind ${folder}/resolv.conf /etc/resolv.conf
`;
}
