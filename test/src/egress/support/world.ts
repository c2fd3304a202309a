/**
 * A network of the test's own: a host that dials, and a second one outside.
 *
 *     near (the program under test)                far (its servers)
 *     192.0.2.1, 2001:db8::1 ──── veth pair ──── 192.0.2.2, 2001:db8::2
 *
 * Both are network namespaces, made by an ordinary user. A program of the test's
 * runs in the near one, with the mechanisms bundled in, and says what it has
 * seen as JSON on stdout; shell commands set up what it needs.
 */

import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildNative } from '../../../../sandbox/native/build.ts';
import { ordinaryUser } from '../../../support/ordinary-user.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const NATIVE = join(ROOT, 'prebuilt', `linux-${process.arch}`);
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** $FAR is the pid by which nsenter finds the far namespace; it ends with the script, whose parent it is not. */
const PROLOGUE = `set -e
unshare -n sleep infinity & FAR=$!
trap 'kill $FAR' EXIT
while [ "$(readlink /proc/$FAR/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
far() { nsenter -t $FAR -n "$@"; }
ip link set lo up
ip link add near type veth peer name far netns $FAR
ip addr add 192.0.2.1/24 dev near
ip addr add 2001:db8::1/64 dev near nodad
ip link set near up
far ip link set lo up
far ip addr add 192.0.2.2/24 dev far
far ip addr add 2001:db8::2/64 dev far nodad
far ip link set far up
`;

export interface World {
  /** Runs a scenario of the program. @returns what it has said, a value a line */
  run(scenario: string, setUp?: string): Promise<unknown[]>;
  remove(): void;
}

/** @param program of this folder's sibling, whose scenarios are named on its command line */
export async function makeWorld(program: string): Promise<World> {
  await buildNative(NATIVE);
  const folder = mkdtempSync(join(tmpdir(), 'kns-egress-'));
  chmodSync(folder, 0o755);
  const bundle = join(folder, 'dist/program.mjs');
  await build({
    entryPoints: [program],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: REQUIRE },
  });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  cpSync(NATIVE, join(folder, 'prebuilt', `linux-${process.arch}`), { recursive: true });
  return {
    run: (scenario, setUp = '') => runProgram(bundle, scenario, setUp),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function runProgram(bundle: string, scenario: string, setUp: string): Promise<unknown[]> {
  const { uid, gid } = ordinaryUser();
  // The far half is the same program once more, which serves until the near one ends.
  const script = `${PROLOGUE}${setUp}
mkfifo "$DIRECTORY/ready"
nsenter -t $FAR -n "$NODE" "$PROGRAM" far "$SCENARIO" > "$DIRECTORY/ready" & SERVER=$!
trap 'kill $SERVER $FAR' EXIT
read -r READY < "$DIRECTORY/ready"
"$NODE" "$PROGRAM" near "$SCENARIO"
`;
  const directory = mkdtempSync(join(tmpdir(), 'kns-egress-run-'));
  chmodSync(directory, 0o777);
  const child = spawn('unshare', ['--map-root-user', '--net', '--kill-child', 'sh', '-c', script], {
    uid,
    gid,
    env: {
      PATH: process.env['PATH'],
      KNS_TEST_LINK: process.env['KNS_TEST_LINK'],
      NODE: process.execPath,
      PROGRAM: bundle,
      SCENARIO: scenario,
      DIRECTORY: directory,
    },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  rmSync(directory, { recursive: true, force: true });
  if (code !== 0) throw new Error(`${scenario} ended with ${String(code)}: ${stderr}\n${stdout}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}
