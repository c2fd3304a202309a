/** Waits for what tells nobody when it is done: Kubernetes seen by kubectl, a process that starts again. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
const LIMIT_MS = 90_000;

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${LIMIT_MS / 1000} s`);
    await delay(POLL_MS);
  }
}
