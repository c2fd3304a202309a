/**
 * Two hosts (test/support/near-and-far.ts) with one program: `far` serves and
 * says when it is ready; `near`, with the mechanisms bundled in, dials, and says
 * what it has seen as JSON on stdout.
 */

import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { buildNative } from '../../../../sandbox/native/build.ts';
import { bundleProgram } from '../../../support/bundle.ts';
import { startNetwork } from '../../../support/near-and-far.ts';
import { ordinaryUser } from '../../../support/ordinary-user.ts';
import { startServing } from '../../../support/serving.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const NATIVE = join(ROOT, 'prebuilt', `linux-${process.arch}`);

export interface World {
  /** Runs a scenario of the program, with `node` as its Node. @returns what it has said, a value a line */
  run(scenario: string, setUp?: string, node?: readonly string[]): Promise<unknown[]>;
  remove(): void;
}

/** @param program of this folder's sibling, whose scenarios are named on its command line */
export async function makeWorld(program: string): Promise<World> {
  await buildNative(NATIVE);
  const folder = mkdtempSync(join(tmpdir(), 'kns-egress-'));
  chmodSync(folder, 0o755);
  const bundle = join(folder, 'dist/program.mjs');
  await bundleProgram(program, bundle);
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  cpSync(NATIVE, join(folder, 'prebuilt', `linux-${process.arch}`), { recursive: true });
  return {
    run: (scenario, setUp = '', node = [process.execPath]) => runScenario(bundle, scenario, setUp, node),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function runScenario(
  bundle: string,
  scenario: string,
  setUp: string,
  node: readonly string[],
): Promise<unknown[]> {
  const network = await startNetwork(setUp);
  try {
    const server = await startServing([...network.far, process.execPath, bundle, 'far', scenario]);
    try {
      return await runNear([...network.near, ...node, bundle, 'near', scenario]);
    } finally {
      await server.stop();
    }
  } finally {
    await network.close();
  }
}

async function runNear([file = '', ...args]: readonly string[]): Promise<unknown[]> {
  const { uid, gid } = ordinaryUser();
  const env = { PATH: process.env['PATH'], KNS_TEST_LINK: process.env['KNS_TEST_LINK'] };
  const child = spawn(file, args, { uid, gid, env });
  const code = new Promise((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if ((await code) !== 0)
    throw new Error(`${args.at(-1)} ended with ${String(await code)}: ${stderr}\n${stdout}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}
