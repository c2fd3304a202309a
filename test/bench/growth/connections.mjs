/**
 * Idle connections: what each costs in memory, how fast many are opened, and
 * whether packets of others notice them.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

/** Of a process, hard limit (ulimit -Hn): a connection is a file of the program's, which leaves a third of them to others. */
export const OPEN_FILES = 16_000;

const FEW = 1000;
const AT_ONCE = 5000;
const MANY = 10_000;
/** What a connection's opening leaves for the collector has gone by then, as far as it goes by itself. */
const SETTLE_MS = 1500;

async function performance(guest, seconds) {
  const { gbits: up } = await guest.ask(`up ${seconds}`);
  const { gbits: down } = await guest.ask(`down ${seconds}`);
  const cpu = guest.cpuSeconds;
  const { p50, p99, count } = await guest.ask(`rr ${seconds}`);
  return { up, down, p50, p99, cpuPerExchange: ((guest.cpuSeconds - cpu) / count) * 1e6 };
}

/** With none, with some, with many, and with none again: what changes for good is not the connections' doing. */
async function oneRound({ guest: program, api, seconds }) {
  api.setServices(0);
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  try {
    await performance(guest, seconds / 2);
    const alone = await performance(guest, seconds);
    const before = guest.residentKiB;
    const first = await guest.ask(`open ${FEW}`);
    const withFew = await performance(guest, seconds);
    await guest.ask(`open ${MANY - FEW}`);
    await delay(SETTLE_MS);
    const after = guest.residentKiB;
    const withMany = await performance(guest, seconds);
    await guest.ask('close');
    await delay(SETTLE_MS);
    const aloneAgain = await performance(guest, seconds);
    const base = Object.fromEntries(
      Object.keys(alone).map((name) => [name, (alone[name] + aloneAgain[name]) / 2]),
    );
    return { base, withFew, withMany, failed: first.failed, kibEach: (after - before) / MANY };
  } finally {
    await guest.close();
  }
}

async function opening({ guest: program, api }) {
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  const beside = await Guest.beside(program);
  try {
    const { us, failed } = await guest.ask(`open ${AT_ONCE}`);
    const machine = await beside.ask(`open ${AT_ONCE}`);
    return { ms: us / 1000, failed, machineMs: machine.us / 1000 };
  } finally {
    await Promise.all([guest.close(), beside.close()]);
  }
}

export async function connections(context) {
  const rounds = [];
  const openings = [];
  for (let round = 0; round < context.rounds; round++) {
    rounds.push(await oneRound(context));
    openings.push(await opening(context));
  }
  const ratio = (which, name) => rounds.map(({ base, [which]: loaded }) => loaded[name] / base[name]);
  return [
    figure(
      `resident memory of an idle connection, ${MANY} open`,
      rounds.map(({ kibEach }) => kibEach),
      'KiB',
      { most: 8 },
    ),
    figure(
      `${AT_ONCE} connections opened`,
      openings.map(({ ms }) => ms),
      'ms',
      { most: 1000 },
    ),
    figure(
      '  the same without a sandbox',
      openings.map(({ machineMs }) => machineMs),
      'ms',
    ),
    figure(
      '  of these failed',
      openings.map(({ failed }) => failed),
      '',
      { most: 0 },
    ),
    ...[
      ['withFew', FEW],
      ['withMany', MANY],
    ].flatMap(([which, count]) => [
      figure(`upload with ${count} open : alone`, ratio(which, 'up'), 'x', { least: 0.9 }),
      figure(`download with ${count} open : alone`, ratio(which, 'down'), 'x', { least: 0.9 }),
      figure(`round trip (median) with ${count} open : alone`, ratio(which, 'p50'), 'x', { most: 1.1 }),
      figure(`CPU of a round trip with ${count} open : alone`, ratio(which, 'cpuPerExchange'), 'x', {
        most: 1.1,
      }),
    ]),
    figure(
      'round trip (median) alone',
      rounds.map(({ base }) => base.p50),
      'us',
    ),
    figure(
      'upload alone',
      rounds.map(({ base }) => base.up),
      'Gbit/s',
    ),
    figure(
      'download alone',
      rounds.map(({ base }) => base.down),
      'Gbit/s',
    ),
  ];
}
