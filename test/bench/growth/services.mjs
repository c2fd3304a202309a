/**
 * Starting with few Services and with many. How long a list takes to come is
 * the API server's affair and the network's; what it costs from there on is ours.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { FEW, MANY } from './api.mjs';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

/** What the API server has to say of its last list has come by then. */
const SETTLE_MS = 200;

async function start({ guest: program, api }, count) {
  api.setServices(count);
  await delay(SETTLE_MS);
  const began = performance.timeOrigin + performance.now();
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  const ready = guest.readyAt;
  await delay(SETTLE_MS);
  const resident = guest.residentKiB / 1024;
  await guest.close();
  return { whole: ready - began, afterList: ready - api.lastListAt, listed: api.listedBytes, resident };
}

export async function services(context) {
  const rounds = [];
  for (let round = 0; round <= context.rounds; round++)
    rounds.push({ few: await start(context, FEW), many: await start(context, MANY) });
  rounds.shift(); // the first one warms up the machine
  const of = (which, name) => rounds.map(({ [which]: run }) => run[name]);
  return [
    figure(`start with ${FEW} Services`, of('few', 'whole'), 'ms'),
    figure(`start with ${MANY} Services`, of('many', 'whole'), 'ms'),
    figure(
      '  of lists',
      of('many', 'listed').map((bytes) => bytes / 2 ** 20),
      'MiB',
    ),
    figure('  from the list to the command', of('many', 'afterList'), 'ms'),
    figure(`  the same with ${FEW}`, of('few', 'afterList'), 'ms'),
    figure(
      'what the list costs, on top of a start with few',
      rounds.map(({ few, many }) => (few.whole + many.afterList - few.afterList) / few.whole),
      'x',
      { most: 1.3 },
    ),
    figure(
      `memory with ${MANY}, on top of that with ${FEW}`,
      rounds.map(({ few, many }) => many.resident - few.resident),
      'MiB',
    ),
  ];
}
