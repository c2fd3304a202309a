/**
 * What grows with the number of connections, rules and Services, and what must
 * not; and whether anything starves beside a transfer at full speed.
 *
 *     npm run bench:growth -- [--quick] [--only connections,churn,rules,services,starve,stalls]
 *
 * All with the released program, by a client in its sandbox and a server on an
 * address of the benchmark's own namespace. Each figure stands beside the goal
 * that it has to meet; times of a machine that is busy stand beside those that
 * the same client had without a sandbox in the same minute.
 */

import { readFileSync } from 'node:fs';
import {
  benchOptions,
  compile,
  enterNamespace,
  hasProgram,
  machine,
  machineLine,
  SERVER_ADDRESS,
  Shell,
  writeJson,
} from './lib/index.mjs';
import { ServicesApi } from './growth/api.mjs';
import { churn } from './growth/churn.mjs';
import { connections, OPEN_FILES } from './growth/connections.mjs';
import { PORT } from './growth/guest.mjs';
import { rules } from './growth/rules.mjs';
import { services } from './growth/services.mjs';
import { stalls } from './growth/stalls.mjs';
import { starve } from './growth/starve.mjs';

const SCENARIOS = { connections, churn, rules, services, starve, stalls };

const options = benchOptions('bench:growth', {
  only: { value: 'names', help: `only these: ${Object.keys(SCENARIOS).join(',')}` },
});
const chosen = options.only?.split(',') ?? Object.keys(SCENARIOS);
const unknown = chosen.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0)
  throw new RangeError(`--only knows ${Object.keys(SCENARIOS).join(', ')}, not ${unknown}`);
enterNamespace();

for (const program of ['cc', 'ip', 'bwrap'].filter((name) => !hasProgram(name))) {
  console.error(`bench:growth needs ${program}: install it first`);
  process.exit(1);
}

if (chosen.includes('connections') && openFileLimit() < OPEN_FILES) {
  console.error(
    `bench:growth opens thousands of connections: ulimit -n ${OPEN_FILES} first, or --only others`,
  );
  process.exit(1);
}

const about = machine();
console.log(machineLine(about));
const guest = compile('growth-guest');
const server = new Shell(['sh']);
const api = await ServicesApi.start();
const figures = {};
try {
  await server.run(`tail -f /dev/null | ${compile('growth-server')} ${SERVER_ADDRESS} ${PORT} >/dev/null &`);
  for (const name of chosen) {
    console.log(`\n${name}`);
    figures[name] = await SCENARIOS[name]({ guest, api, ...options });
  }
} finally {
  api.close();
  await server.close();
}
if (options.json !== undefined)
  writeJson(options.json, { machine: about, figures, loadAfter: machine().load });

/** What Node has raised the soft limit to (proc(5)). */
function openFileLimit() {
  return Number(
    /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ??
      Number.POSITIVE_INFINITY,
  );
}
