/** The small parts of following a resource. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { distinctPicks, unknownPick } from '../../../../src/cluster/discovery/picks.ts';
import { type ApiPod, decodePod, endpointsBySelector } from '../../../../src/cluster/discovery/pods.ts';
import { decodeService } from '../../../../src/cluster/discovery/services.ts';
import { Backoff } from '../../../../src/cluster/discovery/watch/backoff.ts';
import { parseEvent } from '../../../../src/cluster/discovery/watch/event.ts';
import { LineSplitter } from '../../../../src/cluster/discovery/watch/lines.ts';
import { Wakefulness } from '../../../../src/cluster/discovery/watch/wakefulness.ts';
import { decodeWorkload } from '../../../../src/cluster/discovery/workloads.ts';

describe('lines', () => {
  test('come out whole, wherever the chunks were cut', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n') && text.trim() !== '');
    fc.assert(
      fc.property(
        fc.array(line),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (lines, sizes) => {
          const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
          const seen: string[] = [];
          const splitter = new LineSplitter(1 << 20, (text) => seen.push(text));
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length];
            splitter.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(seen).toEqual(lines);
        },
      ),
    );
  });

  test('are bounded, also where no end comes', () => {
    const splitter = new LineSplitter(8, () => {});
    splitter.push(Buffer.from('12345678'));
    expect(() => splitter.push(Buffer.from('9'))).toThrow('more than 8 bytes');
  });
});

describe('events', () => {
  test.each([
    ['{"type":"ERROR","object":{"code":410,"message":"too old"}}', { type: 'ERROR', code: 410 }],
    ['{"type":"ERROR","object":{"code":500,"reason":"Expired"}}', { type: 'ERROR', code: 410 }],
    ['{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}', { type: 'BOOKMARK' }],
    ['{"type":"INVENTED","object":{}}', undefined],
  ])('%s', (line, event) => {
    if (event) expect(parseEvent(line)).toMatchObject(event);
    else expect(parseEvent(line)).toBeUndefined();
  });

  test('that are none are told from those that are not known', () => {
    expect(() => parseEvent('{"kind":"Status"}')).toThrow('no event');
    expect(() => parseEvent('<html>')).toThrow(SyntaxError);
  });
});

test('pauses double up to a bound, between half and whole, and start anew after a success', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 350 }, () => 0);
  expect([1, 2, 3, 4].map(() => backoff.next())).toEqual([50, 100, 175, 175]);
  backoff.reset();
  expect(backoff.next()).toBe(50);
  expect(new Backoff({ firstMs: 100, maxMs: 350 }, () => 1).next()).toBe(100);
});

test('a wall clock that has run ahead of the monotonic one is a sleep', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const clocks = { wall: 1_000, monotonic: 0 };
    const wakefulness = new Wakefulness(
      { clockMs: 100, clockJumpMs: 50 },
      { wallMs: () => clocks.wall, monotonicMs: () => clocks.monotonic },
    );
    const woken = vi.fn<() => void>();
    const stop = wakefulness.onWake(woken);
    const pass = (wall: number, monotonic: number): void => {
      clocks.wall += wall;
      clocks.monotonic += monotonic;
      vi.advanceTimersByTime(100);
    };
    pass(100, 100);
    pass(10_000, 10_000); // slow, but both of them
    expect(woken).not.toHaveBeenCalled();
    pass(3_600_000, 100);
    expect(woken).toHaveBeenCalledOnce();
    pass(100, 100);
    pass(-3_600_000, 100); // set back by hand
    expect(woken).toHaveBeenCalledOnce();
    stop();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('the selector of a Deployment, in the words of a list', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'track', operator: 'NotIn', values: ['canary'] },
      { key: 'old', operator: 'DoesNotExist' },
      { key: 'team', operator: 'Exists' },
    ],
  };
  const { labelSelector } = decodeWorkload({ metadata: { namespace: 'n', name: 'web' }, spec: { selector } });
  expect(labelSelector).toBe('app=web,tier in (a,b),track notin (canary),!old,team');
});

const pick = (kind: 'Service' | 'Pod' | 'Deployment', name: string) => ({ namespace: 'n', kind, name });

describe('picks', () => {
  test('that are said twice count once; two kinds under one name are refused', () => {
    expect(distinctPicks([pick('Service', 'web'), pick('Service', 'web')])).toHaveLength(1);
    expect(() => distinctPicks([pick('Service', 'web'), pick('Deployment', 'web')])).toThrow(
      expect.objectContaining({ code: 'PICK_AMBIGUOUS' }),
    );
  });

  test('that are not there are answered by the nearest names', () => {
    const { message, remedy } = unknownPick(pick('Service', 'wbe'), ['db', 'web', 'queue'], 'prod');
    expect(message).toMatch(/no Service "wbe"; there is web, db, queue$/);
    expect(remedy).toContain('--context prod -n n get services');
    expect(unknownPick(pick('Pod', 'x'), [], 'prod').message).toContain('has no pods that this account sees');
  });
});

const podThatIs = (ready: boolean, ending: boolean): ApiPod => ({
  metadata: {
    namespace: 'n',
    name: 'web-0',
    labels: { app: 'web' },
    ...(ending ? { deletionTimestamp: '2024-01-01T00:00:00Z' } : {}),
  },
  status: {
    podIP: '10.0.0.1',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
/** As what it stands behind a Service. */
const listOf = (object: ApiPod, publishNotReadyAddresses: boolean): string | undefined => {
  const record = decodePod(object);
  const metadata = { namespace: 'n', name: 'web' };
  const service = decodeService({ metadata, spec: { selector: { app: 'web' }, publishNotReadyAddresses } });
  const [group] = record ? endpointsBySelector(service, record).groups : [];
  return (['readyPods', 'leavingPods', 'unreadyPods'] as const).find((list) => group[list].length > 0);
};

describe('endpoints that are made of a pod', () => {
  test.each([
    [true, false, 'readyPods'],
    [true, true, 'leavingPods'],
    [false, false, 'unreadyPods'],
  ])('ready: %s, being deleted: %s', (ready, ending, list) => {
    expect(listOf(podThatIs(ready, ending), false)).toBe(list);
    // The controllers then look at neither.
    expect(listOf(podThatIs(ready, ending), true)).toBe('readyPods');
  });
});
