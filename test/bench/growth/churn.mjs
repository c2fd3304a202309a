/** What is left of many short connections, once they are over. */

import { setTimeout as delay } from 'node:timers/promises';
import { figure } from './figures.mjs';
import { Guest } from './guest.mjs';

const CONNECTIONS = 100_000;
const QUICK_CONNECTIONS = 20_000;
/** Code is compiled, pools are filled. */
const WARM_UP = 2000;
const CLIENTS = 8;
/** TIME-WAIT is over, and the program has been idle for a moment. */
const SETTLE_MS = 15_000;

export async function churn({ guest: program, api, quick }) {
  const count = quick ? QUICK_CONNECTIONS : CONNECTIONS;
  const guest = await Guest.inSandbox(program, api.kubeconfig);
  try {
    await guest.ask(`crr ${WARM_UP} ${CLIENTS}`);
    await delay(SETTLE_MS);
    const before = guest.residentKiB;
    const { rate, failed, times } = await guest.ask(`crr ${count} ${CLIENTS}`);
    const peak = guest.residentKiB;
    await delay(SETTLE_MS);
    return [
      figure(`${count} connections: rate`, rate, '/s'),
      figure('  failed', failed, '', { most: 0 }),
      figure('  median of one', times.p50, 'us'),
      figure('  memory at their end', (peak - before) / 1024, 'MiB more'),
      figure('  memory once they are over', (guest.residentKiB - before) / 1024, 'MiB more', { most: 10 }),
    ];
  } finally {
    await guest.close();
  }
}
