/**
 * Beside one connection at full speed: round trips of another, and DNS. And
 * what a list of thousands of Services that comes in the middle holds up.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { FEW, MANY } from './api.mjs';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

const NAME_SERVER = '10.64.0.1';
const NAME = 'svc-0.default.svc.cluster.local';
/** Of a stall: so long a transfer goes on before the list comes, and after. */
const BEFORE_MS = 500;
const QUIET_SECONDS = 3;

/** The longest round trips while nothing else happens, and while a list comes. */
async function stalled({ guest: program, api }) {
  api.setServices(FEW);
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  try {
    await guest.ask('rr 0.5');
    const quiet = await guest.ask(`rr ${QUIET_SECONDS}`);
    const asking = guest.ask(`rr ${QUIET_SECONDS}`);
    await delay(BEFORE_MS);
    api.setServices(MANY);
    const listed = await asking;
    return { quiet, listed, bytes: api.listedBytes };
  } finally {
    await guest.close();
  }
}

async function beside({ guest: program, api, seconds }) {
  api.setServices(FEW);
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  const machine = await Guest.beside(program);
  const mix = (direction, length) => guest.ask(`mix ${length} ${direction} ${NAME_SERVER} ${NAME}`);
  try {
    await mix('up', seconds / 2);
    const runs = {};
    for (const direction of ['up', 'down'])
      runs[direction] = {
        ...(await mix(direction, seconds)),
        machine: await machine.ask(`mix ${seconds} ${direction}`),
      };
    return runs;
  } finally {
    await Promise.all([guest.close(), machine.close()]);
  }
}

export async function starve(context) {
  const [rounds, stalls] = [[], []];
  for (let round = 0; round < context.rounds; round++) {
    rounds.push(await beside(context));
    stalls.push(await stalled(context));
  }
  const ms = (direction, read) => rounds.map((round) => read(round[direction]) / 1000);
  return [
    ...['up', 'down'].flatMap((direction) => [
      figure(
        `beside a transfer ${direction}: its rate`,
        rounds.map((round) => round[direction].gbits),
        'Gbit/s',
      ),
      figure(
        '  round trip of another, median',
        ms(direction, ({ rr }) => rr.p50),
        'ms',
      ),
      figure(
        '  round trip of another, 99 of 100',
        ms(direction, ({ rr }) => rr.p99),
        'ms',
        { most: 2 },
      ),
      figure(
        '    the same without a sandbox',
        ms(direction, ({ machine }) => machine.rr.p99),
        'ms',
      ),
      figure(
        '  DNS, median',
        ms(direction, ({ dns }) => dns.p50),
        'ms',
      ),
      figure(
        '  DNS, 99 of 100',
        ms(direction, ({ dns }) => dns.p99),
        'ms',
        { most: 5 },
      ),
    ]),
    figure(
      `longest round trip while ${MANY} Services come`,
      stalls.map(({ listed }) => listed.max / 1000),
      'ms',
      { most: 10 },
    ),
    figure(
      '  the same while nothing happens',
      stalls.map(({ quiet }) => quiet.max / 1000),
      'ms',
    ),
    figure(
      '  of lists',
      stalls.map(({ bytes }) => bytes / 2 ** 20),
      'MiB',
    ),
  ];
}
