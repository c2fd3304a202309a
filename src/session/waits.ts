/** Holds the command back until what it needs is ready. */

import type { Log } from '../observe/log.ts';
import { targetText, type Wait } from './choices.ts';
import type { ConnectedContexts } from './contexts.ts';

/** Who waits longer than this is told what for. */
const PATIENCE_MS = 2_000;

/**
 * Waits for them all at once, each for its own time.
 *
 * @param ended the sandbox's end, after which there is nothing to wait for
 * @throws ClusterError `WAIT_TIMEOUT`, for the first that has run out
 */
export async function waitForAll(
  waits: readonly Wait[],
  contexts: Pick<ConnectedContexts, 'find'>,
  ended: Promise<unknown>,
  log: Log,
): Promise<void> {
  const giveUp = new AbortController();
  try {
    const ready = Promise.all(
      waits.map(async ({ target, timeoutMs }) => {
        const { cluster, namespaces } = contexts.find(target.context);
        const { namespace = namespaces[0], name } = target;
        const text = targetText(target);
        const telling = setTimeout(
          () => log.warn(`waiting for ${text}, ${timeoutMs / 1000} s at the most`),
          PATIENCE_MS,
        );
        try {
          await cluster.waitReady({ namespace, name }, timeoutMs, giveUp.signal);
        } finally {
          clearTimeout(telling);
        }
        log.info(`${text} is ready`);
      }),
    );
    await Promise.race([ready, ended]);
  } finally {
    giveUp.abort();
  }
}
