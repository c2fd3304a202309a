/** Whether a rule costs a packet, or a connection, anything. */

import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

const RULES = 1000;
const CONNECTIONS = 3000;

/** None of them is about the server, so that all are looked at. */
function manyRules() {
  return Array.from({ length: RULES }, (_, i) => ['--deny', `203.0.${i >> 8}.${i & 255}`]).flat();
}

export async function rules({ guest: program, api, rounds, seconds }) {
  const few = await Guest.inSandbox(program, api.kubeconfig);
  const many = await Guest.inSandbox(program, api.kubeconfig, manyRules());
  const ratios = { p50: [], rate: [] };
  try {
    for (let round = 0; round <= rounds; round++) {
      const seen = [];
      for (const guest of [few, many]) {
        const { p50 } = await guest.ask(`rr ${seconds}`);
        const { rate } = await guest.ask(`crr ${CONNECTIONS} 1`);
        seen.push({ p50, rate });
      }
      // The first round warms up.
      if (round === 0) continue;
      for (const name of Object.keys(ratios)) ratios[name].push(seen[1][name] / seen[0][name]);
    }
  } finally {
    await Promise.all([few.close(), many.close()]);
  }
  return [
    figure(`round trip with ${RULES} rules : with one`, ratios.p50, 'x', { most: 1.1 }),
    figure(`connections a second with ${RULES} rules : with one`, ratios.rate, 'x', { least: 0.9 }),
  ];
}
