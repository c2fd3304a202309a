/**
 * The way to the host's network, beside other rootless ways in the same run.
 *
 *     npm run bench:peers -- [--quick] [--only kns-rootless,pasta] [--measures up,down]
 *         [--baseline <another build's dist/kns-rootless>]
 *
 *     namespace of the benchmark's own: iperf3, exchange server on the address of an interface
 *      ├─ kernel loopback    the clients beside the servers
 *      ├─ kns-rootless       a sandbox of the released program, `--allow`ed to go there
 *      ├─ slirp4netns        a namespace with its tap
 *      └─ pasta              the same
 *
 * All stand at the same time and are measured in turn. Throughput is one stream
 * of iperf3, up from the namespace and down to it.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  benchOptions,
  compile,
  enterNamespace,
  hasProgram,
  inTurn,
  machine,
  machineLine,
  pairedRatio,
  SERVER_ADDRESS,
  short,
  startServer,
  startEmptyApi,
  table,
  versionOf,
  withSpread,
  writeJson,
} from './lib/index.mjs';
import { BACKENDS, baseline } from './peers/backends.mjs';
import { drawing } from './peers/drawing.mjs';
import { FIGURES, MEASURES } from './peers/measures.mjs';

const DOCS = join(import.meta.dirname, '../../docs');

const options = benchOptions('bench:peers', {
  only: { value: 'names', help: `only these ways: ${BACKENDS.map(({ name }) => name).join(',')}` },
  measures: { value: 'names', help: `only these: ${Object.keys(MEASURES).join(',')}` },
  baseline: { value: 'file', help: 'dist/kns-rootless of another build, measured beside this one' },
  publish: { help: 'write figures and drawing to docs/' },
});
enterNamespace();

function chosen(text, all) {
  if (text === undefined) return all;
  const wanted = text.split(',');
  return all.filter((name) => wanted.some((each) => name === each || name.startsWith(`${each}/`)));
}

/** Those that can be measured here; what is missing is said and not skipped in silence. */
function present() {
  const all = options.baseline === undefined ? BACKENDS : [baseline(options.baseline), ...BACKENDS];
  const names = new Set(
    chosen(
      options.only,
      all.map(({ name }) => name),
    ),
  );
  return all.filter(({ name, needs }) => {
    if (!names.has(name)) return false;
    const missing = needs.filter((program) => !hasProgram(program));
    if (missing.length > 0) console.log(`missing: ${name}, since ${missing.join(' and ')} is not installed`);
    return missing.length === 0;
  });
}

for (const program of ['iperf3', 'cc', 'ip'].filter((name) => !hasProgram(name))) {
  console.error(`bench:peers needs ${program}: install it first`);
  process.exit(1);
}

const about = machine();
console.log(machineLine(about));
const contenders = present();
const groups = chosen(options.measures, Object.keys(MEASURES));
const exchange = compile('exchange');
const api = await startEmptyApi();
await startServer(exchange, 'serve', SERVER_ADDRESS);
const ways = new Map();
const versions = { iperf3: versionOf('iperf3') };
try {
  for (const backend of contenders) {
    versions[backend.kind] = backend.version();
    ways.set(backend.name, await backend.open(backend, api));
  }
  for (const [name, version] of Object.entries(versions)) console.log(`${name}: ${version}`);
  const figures = await inTurn(contenders, options.rounds, async ({ name }) => {
    const run = {};
    for (const group of groups) {
      Object.assign(run, await attempt(name, group));
    }
    return run;
  });
  report(figures);
} finally {
  await Promise.all([...ways.values()].map((way) => way.close()));
  api.close();
}

/** A way that breaks down under a measurement is told to, and stays in the run: others of its figures stand. */
async function attempt(name, group) {
  try {
    return await MEASURES[group](ways.get(name), { seconds: options.seconds, exchange });
  } catch (error) {
    console.log(`${name}: ${group} failed: ${error.message.split('\n')[0]}`);
    return Object.fromEntries(FIGURES[group].map((figure) => [figure, Number.NaN]));
  }
}

function report(figures) {
  const columns = Object.keys(figures.values().next().value);
  const rows = [...figures].map(([name, row]) =>
    [name].concat(columns.map((column) => withSpread(row[column]))),
  );
  console.log(`\n${table(['', ...columns], rows)}`);
  const ours = [...figures].filter(([name]) => name.startsWith('kns-rootless'));
  const ratios = ours.flatMap(([name, row]) =>
    [...figures]
      .filter(([other]) => other !== name)
      .map(([other, their]) =>
        [`${name} : ${other}`].concat(
          columns.map((column) => short(pairedRatio(row[column].runs, their[column].runs))),
        ),
      ),
  );
  if (ratios.length > 0) console.log(`\nratios, round by round\n${table(['', ...columns], ratios)}`);
  const { rounds, seconds, json, publish } = options;
  const all = { machine: about, versions, rounds, seconds, figures: Object.fromEntries(figures) };
  if (json !== undefined) writeJson(json, all);
  if (!publish) return;
  writeJson(join(DOCS, 'performance.json'), all);
  writeFileSync(join(DOCS, 'performance.svg'), drawing(all));
}
