/** Beside one connection at full speed: round trips of another, and DNS. */

import { FEW } from './api.mjs';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

const NAME_SERVER = '10.64.0.1';
const NAME = 'svc-0.default.svc.cluster.local';

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
  const rounds = [];
  for (let round = 0; round < context.rounds; round++) rounds.push(await beside(context));
  const ms = (direction, read) => rounds.map((round) => read(round[direction]) / 1000);
  return ['up', 'down'].flatMap((direction) => [
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
  ]);
}
