/**
 * The way through the cluster, beside `kubectl port-forward` to the same pod.
 *
 *     [KUBECONFIG=…] npm run bench:cluster -- [--quick] [--measures down,up,connect,rtt]
 *
 * The cluster is the one of $KUBECONFIG, or the embedded one: its namespace e2e
 * has the pods of the Deployment web. Ours is measured from inside a sandbox of
 * the released program, kubectl from beside it, in turn. Both stand before
 * anything is measured, so that connections are those of a session under way.
 */

import { execFileSync } from 'node:child_process';
import { openCluster } from './cluster/cluster.mjs';
import { openKubectl, openOurs } from './cluster/ways.mjs';
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

const NAMESPACE = 'e2e';
const [ECHO, SOURCE, HTTP] = [7000, 7002, 8080];
const WIDE = 32;
/** What one second of a measurement is taken to be, for either: as much work for the one as for the other. */
const A_SECOND = { bytes: 100e6, connections: 200, wideConnections: 320, roundTrips: 1000 };

const options = benchOptions('bench:cluster', {
  measures: { value: 'names', help: 'only these: down,up,connect,rtt' },
});
for (const program of ['cc', 'bwrap', 'kubectl'].filter((name) => !hasProgram(name))) {
  console.error(`bench:cluster needs ${program}: install it first`);
  process.exit(1);
}

const MEASURES = {
  down: (way) => throughput(way, 'down', SOURCE),
  up: (way) => throughput(way, 'up', HTTP),
  async connect(way) {
    const { perSecond: one } = await forwarded(way, 'connect', ECHO, A_SECOND.connections, 1);
    const before = way.cpuSeconds();
    const { perSecond: wide } = await forwarded(way, 'connect', ECHO, A_SECOND.wideConnections, WIDE);
    const spent = (way.cpuSeconds() - before) / (A_SECOND.wideConnections * options.seconds);
    return { 'connections /s': one, [`${WIDE} at once /s`]: wide, 'cpu ms/connection': spent * 1e3 };
  },
  async rtt(way) {
    const { p50, p99 } = await forwarded(way, 'rtt', ECHO, A_SECOND.roundTrips);
    return { 'rtt p50 us': p50, 'rtt p99 us': p99 };
  },
};

const about = machine();
const client = compile('forwarded');
const cluster = await openCluster();
const { kubeconfig } = cluster;
const place = { namespace: NAMESPACE, pod: anyPod() };
const ways = new Map([
  ['kubectl', await openKubectl(place, kubeconfig, [ECHO, SOURCE, HTTP])],
  ['kns-rootless', await openOurs(place, kubeconfig)],
]);
console.log(`${machineLine(about)}\n${cluster.name}; ${versionOf('kubectl', 'version', '--client')}`);
try {
  const contenders = [...ways.keys()].map((name) => ({ name }));
  const measures = Object.entries(MEASURES).filter(
    ([name]) => options.measures === undefined || options.measures.split(',').includes(name),
  );
  for (const way of ways.values()) await forwarded(way, 'connect', ECHO, A_SECOND.connections, WIDE);
  report(
    await inTurn(contenders, options.rounds, async ({ name }) => {
      const run = {};
      for (const [, measure] of measures) Object.assign(run, await measure(ways.get(name)));
      return run;
    }),
  );
} finally {
  await Promise.all([...ways.values()].map((way) => way.close()));
  cluster.close();
}

function anyPod() {
  const args = ['--kubeconfig', kubeconfig, '-n', NAMESPACE, 'get', 'pods', '-l', 'app=web'];
  const names = execFileSync('kubectl', [...args, '-o', 'jsonpath={.items[*].metadata.name}'], {
    encoding: 'utf8',
  });
  const [name] = names.split(' ');
  if (name === '') throw new Error(`${cluster.name} has no pods of the Deployment web in ${NAMESPACE}`);
  return name;
}

async function forwarded(way, mode, port, count, ...more) {
  const number = Math.round(count * options.seconds);
  const words = [client, mode, way.host, way.portOf(port), number, ...more];
  return JSON.parse(await way.run(words.join(' ')));
}

/** Processor time is that of the forwarder, with all it has started: not that of the client, nor of the cluster. */
async function throughput(way, mode, port) {
  const before = way.cpuSeconds();
  const { MBps } = await forwarded(way, mode, port, A_SECOND.bytes);
  const spent = way.cpuSeconds() - before;
  return { [`${mode} MB/s`]: MBps, [`${mode} cpu s/GB`]: (spent / (A_SECOND.bytes * options.seconds)) * 1e9 };
}

function report(figures) {
  const [theirs, ours] = [figures.get('kubectl'), figures.get('kns-rootless')];
  const rows = Object.keys(ours).map((figure) => [
    figure,
    withSpread(theirs[figure]),
    withSpread(ours[figure]),
    short(pairedRatio(ours[figure].runs, theirs[figure].runs)),
  ]);
  console.log(`\n${table(['', 'kubectl', 'kns-rootless', 'ratio'], rows)}`);
  if (options.json) writeJson(options.json, { machine: about, figures: Object.fromEntries(figures) });
}
