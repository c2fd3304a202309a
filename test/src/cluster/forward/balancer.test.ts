/** The choice of pods: by example, and against a model that looks everything up afresh. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Target, podKey } from '../../../../src/cluster/discovery/endpoints.ts';
import { Balancer } from '../../../../src/cluster/forward/balancer.ts';

const NOBODY: ReadonlySet<string> = new Set();
const WEB = { service: 'e2e/web' };
const STICKY = { service: 'e2e/sticky', affinityMs: 1000 };

function pod(name: string): Target {
  return { pod: { namespace: 'e2e', name, uid: `uid-${name}`, addresses: [], label: name }, port: 80 };
}

const [a, b, c] = ['a', 'b', 'c'].map(pod);

function names(balancer: Balancer, count: number, targets: readonly Target[], nowMs = 0): string {
  return Array.from({ length: count }, () => balancer.take(WEB, targets, NOBODY, nowMs)?.pod.name).join('');
}

test('equals take turns, each Service by itself', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  for (const service of ['one', 'two']) {
    for (const name of ['a', 'b', 'c', 'a']) {
      const target = balancer.take({ service }, [a, b, c], NOBODY, 0);
      expect(target?.pod.name).toBe(name);
      if (target) balancer.giveBack(target);
    }
  }
});

test('fewer connections come first, also where another Service holds them', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  expect(names(balancer, 2, [a])).toBe('aa');
  expect(names(balancer, 5, [a, b])).toBe('bbaba');
  balancer.giveBack(b);
  balancer.giveBack(b);
  expect(balancer.take({ service: 'other' }, [a, b], NOBODY, 0)?.pod.name).toBe('b');
});

test('a pod that has refused comes last until it has had its time, and is taken where it is the only one', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  balancer.refused(a, 0);
  expect(names(balancer, 3, [a, b, c], 99)).toBe('bcb');
  expect(names(balancer, 1, [a], 99)).toBe('a');
  expect(names(balancer, 2, [a, b, c], 100)).toBe('ca');
});

test('those that were tried are not chosen again', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  const tried = new Set([podKey(a.pod)]);
  expect(balancer.take(WEB, [a, b], tried, 0)?.pod.name).toBe('b');
  tried.add(podKey(b.pod));
  expect(balancer.take(WEB, [a, b], tried, 0)).toBeUndefined();
});

test('affinity keeps to a pod while it is among the targets, does not refuse, and is used', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  const take = (targets: readonly Target[], nowMs: number) =>
    balancer.take(STICKY, targets, NOBODY, nowMs)?.pod.name;
  expect([0, 999, 1998].map((nowMs) => take([a, b], nowMs))).toEqual(['a', 'a', 'a']);
  expect(take([a, b], 2998)).toBe('b');
  expect(take([a, c], 2999)).toBe('c');
  balancer.refused(c, 3000);
  expect(take([a, c], 3001)).toBe('a');
  expect(take([a, c], 3200)).toBe('a');
});

test('looking ahead says what would be taken, and takes nothing', () => {
  const balancer = new Balancer({ knownBadMs: 100 });
  for (let i = 0; i < 5; i++) {
    const next = balancer.peek(WEB, [a, b], 0);
    expect(balancer.peek(WEB, [a, b], 0)).toBe(next);
    expect(balancer.take(WEB, [a, b], NOBODY, 0)).toBe(next);
  }
});

test('whatever comes and goes, the choice is as good as the model’s, and the counts come out even', () => {
  const pods = ['a', 'b', 'c', 'd'].map(pod);
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('take' as const),
      service: fc.constantFrom('one', 'two'),
      targets: fc.subarray(pods),
    }),
    fc.record({ kind: fc.constant('giveBack' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('refuse' as const), target: fc.constantFrom(...pods) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const balancer = new Balancer({ knownBadMs: 100 });
      const open: Target[] = [];
      const refusedAtMs = new Map<Target, number>();
      let nowMs = 0;
      const count = (target: Target): number => open.filter((one) => one === target).length;
      /** The smaller the better; no test opens a thousand. */
      const rank = (target: Target): number =>
        count(target) + (nowMs - (refusedAtMs.get(target) ?? -Infinity) < 100 ? 1000 : 0);
      for (const one of steps) {
        if (one.kind === 'wait') {
          nowMs += one.ms;
        } else if (one.kind === 'refuse') {
          refusedAtMs.set(one.target, nowMs);
          balancer.refused(one.target, nowMs);
        } else if (one.kind === 'giveBack') {
          for (const gone of open.splice(one.which % Math.max(open.length, 1), 1)) balancer.giveBack(gone);
        } else {
          const { service, targets } = one;
          const best = Math.min(...targets.map(rank));
          const chosen = balancer.take({ service }, targets, NOBODY, nowMs);
          expect(chosen ? rank(chosen) : Infinity).toBe(best);
          if (chosen) open.push(chosen);
        }
        expect(pods.map((target) => balancer.open(target))).toEqual(pods.map(count));
      }
    }),
  );
});
