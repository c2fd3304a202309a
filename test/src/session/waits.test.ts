import { describe, expect, test, vi } from 'vitest';
import type { Wait } from '../../../src/session/choices.ts';
import type { ConnectedContexts } from '../../../src/session/contexts.ts';
import { waitForAll } from '../../../src/session/waits.ts';
import { LogLines } from '../cluster/probe.ts';

const NEVER = new Promise<never>(() => {});

const waitFor = (name: string): Wait => ({ target: { kind: 'Service', name }, timeoutMs: 60_000 });

/** Contexts of one cluster, where each name waits for its promise, or until it is given up. */
function contexts(ready: Record<string, Promise<void>>) {
  const given: string[] = [];
  const waitReady = ({ namespace = '', name = '' }, _: number, signal?: AbortSignal) =>
    Promise.race([
      ready[name],
      new Promise<void>((_, reject) =>
        signal?.addEventListener('abort', () => {
          given.push(`${namespace}/${name}`);
          reject(new Error('given up'));
        }),
      ),
    ]);
  const context = { namespaces: ['shop'], cluster: { waitReady } };
  return { given, contexts: { find: () => context } as unknown as ConnectedContexts };
}

describe('waits', () => {
  test('are over when all are', async () => {
    const log = new LogLines();
    const { contexts: connected } = contexts({ a: Promise.resolve(), b: Promise.resolve() });
    await waitForAll([waitFor('a'), waitFor('b')], connected, NEVER, log);
    expect(log.lines.sort()).toEqual(['info: svc/a is ready', 'info: svc/b is ready']);
  });

  test('one that fails gives up the others', async () => {
    const { contexts: connected, given } = contexts({ a: Promise.reject(new Error('a is late')), b: NEVER });
    await expect(waitForAll([waitFor('a'), waitFor('b')], connected, NEVER, new LogLines())).rejects.toThrow(
      'a is late',
    );
    expect(given).toContain('shop/b');
  });

  test('end with the sandbox', async () => {
    const { contexts: connected, given } = contexts({ a: NEVER });
    await waitForAll([waitFor('a')], connected, Promise.resolve(), new LogLines());
    expect(given).toEqual(['shop/a']);
  });

  test('that take their time are told', async () => {
    vi.useFakeTimers();
    try {
      const log = new LogLines();
      const later = new Promise<void>((resolve) => setTimeout(resolve, 10_000));
      const { contexts: connected } = contexts({ a: later });
      const waiting = waitForAll([waitFor('a')], connected, NEVER, log);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(log.lines).toEqual(['warn: waiting for svc/a, 60 s at the most']);
      await vi.advanceTimersByTimeAsync(5_000);
      await waiting;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
