import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NameTable, type NameRecord } from '../../../src/names/name-table.ts';

const record = (...addresses: string[]): NameRecord => ({ addresses, ports: [], targets: [], inHosts: true });

test('names are found whatever their case and final dot', () => {
  const names = new NameTable();
  const web = record('10.0.1.7');
  names.claim('Web.E2E', 0, web);
  expect(names.lookup('wEB.e2e.')).toBe(web);
});

describe('a name that several want', () => {
  const [one, other] = [record('10.0.1.7'), record('10.0.1.8')];

  test('belongs to the best rank, whoever comes first', () => {
    const names = new NameTable();
    names.claim('web', 1, one);
    names.claim('WEB', 0, other);
    expect(names.lookup('web')).toBe(other);
  });

  test('belongs to the first of the same rank', () => {
    const names = new NameTable();
    names.claim('web', 1, one);
    names.claim('web', 1, other);
    expect(names.lookup('web')).toBe(one);
  });

  test('goes to the next when it is released, and is gone with the last', () => {
    const names = new NameTable();
    names.claim('web', 1, one);
    names.claim('web', 0, other);
    names.release('web', other);
    expect(names.lookup('web')).toBe(one);
    names.release('web', other);
    expect(names.lookup('web')).toBe(one);
    names.release('web', one);
    expect(names.lookup('web')).toBeUndefined();
  });
});

test('whose name stands for something else is told, and no other', () => {
  const names = new NameTable();
  const [one, other] = [record('10.0.1.7'), record('10.0.1.8')];
  const told: string[] = [];
  names.onChange = (name) => told.push(name);
  names.claim('Web.', 0, one);
  names.claim('web', 1, other);
  names.release('web', other);
  expect(told).toEqual(['web']);
  names.claim('web', 1, other);
  names.release('web', one);
  names.release('web', other);
  expect(told).toEqual(['web', 'web', 'web']);
});

test('a name that only has names below it exists as long as they do, and has no record', () => {
  const names = new NameTable();
  const web = record('10.0.1.7');
  names.claim('web.e2e.svc', 0, web);
  names.claim('db.e2e.svc', 0, record('10.0.1.8'));
  expect([names.hasBelow('svc'), names.lookup('e2e.svc')]).toEqual([true, undefined]);
  expect(names.hasBelow('other.svc')).toBe(false);
  names.release('web.e2e.svc', web);
  expect([names.hasBelow('e2e.svc'), names.hasBelow('web.e2e.svc')]).toEqual([true, false]);
});

test('no Service can take the name of the sandbox itself', () => {
  const names = new NameTable();
  names.claim('localhost', 0, record('10.0.1.7'));
  expect(names.lookup('localhost')).toBeUndefined();
});

test('a name that DNS could not carry is not kept', () => {
  const names = new NameTable();
  const long = `${'a'.repeat(63)}.`.repeat(4);
  for (const name of [`${'a'.repeat(64)}.e2e`, long, 'a..b', '']) names.claim(name, 0, record('10.0.1.7'));
  expect([...names.entries()]).toEqual([]);
});

test('whatever comes and goes, the names are those of a list that is searched anew', () => {
  const records = Array.from({ length: 6 }, (_, i) => record(`10.0.1.${i}`));
  const step = fc.record({
    claim: fc.boolean(),
    name: fc.constantFrom('web', 'web.e2e', 'db.web.e2e', 'e2e'),
    rank: fc.nat(3),
    which: fc.nat(records.length - 1),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const names = new NameTable();
      let naive: { name: string; rank: number; record: NameRecord }[] = [];
      for (const { claim, name, rank, which } of steps) {
        const held = naive.find((each) => each.name === name && each.record === records[which]);
        if (claim && held === undefined) {
          names.claim(name, rank, records[which]);
          naive.push({ name, rank, record: records[which] });
        } else if (!claim) {
          names.release(name, records[which]);
          naive = naive.filter((each) => each !== held);
        }
        for (const asked of ['web', 'web.e2e', 'db.web.e2e', 'e2e']) {
          const wanting = naive.filter((each) => each.name === asked);
          const best = wanting.toSorted((a, b) => a.rank - b.rank)[0];
          expect(names.lookup(asked)).toBe(best?.record);
          expect(names.hasBelow(asked)).toBe(naive.some((each) => each.name.endsWith(`.${asked}`)));
        }
      }
    }),
  );
});
