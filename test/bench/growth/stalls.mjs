/** What a list of thousands of Services that comes in the middle holds up. */

import { setTimeout as delay } from 'node:timers/promises';
import { FEW, MANY } from './api.mjs';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

/** So long round trips go on before the list comes. */
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

export async function stalls(context) {
  const rounds = [];
  for (let round = 0; round < context.rounds; round++) rounds.push(await stalled(context));
  return [
    figure(
      `longest round trip while ${MANY} Services come`,
      rounds.map(({ listed }) => listed.max / 1000),
      'ms',
      { most: 10 },
    ),
    figure(
      '  the same while nothing happens',
      rounds.map(({ quiet }) => quiet.max / 1000),
      'ms',
    ),
    figure(
      '  of lists',
      rounds.map(({ bytes }) => bytes / 2 ** 20),
      'MiB',
    ),
  ];
}
