/**
 * What a start and an end cost: `kns-rootless -- true` beside Node itself.
 *
 *     [KUBECONFIG=…] npm run bench:start -- [--quick]
 *
 * The cluster is on this machine: the one of $KUBECONFIG, or the embedded one.
 * `node -e 0` is what no program in Node can go below, and a plain bubblewrap
 * what no sandbox can. A first run has to compile all that it uses; each later
 * one finds the code in the user's cache, which is one of the benchmark's own here.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCluster } from './cluster/cluster.mjs';
import {
  benchOptions,
  compile,
  hasProgram,
  inTurn,
  machine,
  machineLine,
  pairedRatio,
  short,
  table,
  versionOf,
  withSpread,
  writeJson,
} from './lib/index.mjs';

const RELEASED = join(import.meta.dirname, '../../dist/kns-rootless');
const RUN = [RELEASED, '-n', 'e2e', '--', 'true'];
const BWRAP =
  'bwrap --unshare-user --unshare-net --unshare-pid --unshare-ipc --dev-bind / / --proc /proc true';
const NODE = 'node -e 0';
/** Of one round: the least of these counts, since other work on the machine only ever adds. */
const RUNS_A_ROUND = 3;

const options = benchOptions('bench:start');
for (const program of ['cc', 'bwrap'].filter((name) => !hasProgram(name))) {
  console.error(`bench:start needs ${program}: install it first`);
  process.exit(1);
}
const about = machine();
const timed = compile('timed');
const cluster = await openCluster();
const cache = mkdtempSync(join(tmpdir(), 'kns-bench-'));
process.once('exit', () => rmSync(cache, { recursive: true, force: true }));
const contenders = [
  { name: NODE, command: [process.execPath, '-e', '0'] },
  { name: 'bwrap true', command: BWRAP.split(' ') },
  { name: 'kns-rootless true, first run', command: RUN, cache: '/dev/null' },
  { name: 'kns-rootless true', command: RUN },
];
console.log(`${machineLine(about)}\n${versionOf(RELEASED)}, ${versionOf('bwrap')}, ${cluster.name}`);
try {
  for (const contender of contenders) run(contender);
  report(await inTurn(contenders, options.rounds, async (contender) => least(contender)));
} finally {
  cluster.close();
}

function least(contender) {
  const runs = Array.from({ length: RUNS_A_ROUND }, () => run(contender));
  return {
    wall: Math.min(...runs.map(({ wall }) => wall)),
    cpu: Math.min(...runs.map(({ cpu }) => cpu)),
  };
}

function run({ name, command, cache: ownCache = cache }) {
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, XDG_CACHE_HOME: ownCache };
  // With one of them Node 20 reads some hundred certificates at each start, of whatever program.
  for (const name of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']) delete env[name];
  const { status, stderr } = spawnSync(timed, command, { env, cwd: '/', encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name}: exit code ${status}\n${stderr}`);
  return JSON.parse(stderr.trim().split('\n').at(-1));
}

function report(figures) {
  const base = figures.get(NODE);
  const rows = [...figures].map(([name, { wall, cpu }]) => [
    name,
    withSpread(wall),
    short(pairedRatio(wall.runs, base.wall.runs)),
    withSpread(cpu),
    short(pairedRatio(cpu.runs, base.cpu.runs)),
  ]);
  console.log(`\n${table(['', 'wall ms', `x ${NODE}`, 'cpu ms', `x ${NODE}`], rows)}`);
  if (options.json) writeJson(options.json, { machine: about, figures: Object.fromEntries(figures) });
}
