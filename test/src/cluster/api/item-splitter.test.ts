/** Against `JSON.parse` of the whole, however the bytes are cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ItemSplitter } from '../../../../src/cluster/api/item-splitter.ts';

function split(text: string, sizes: readonly number[]): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const splitter = new ItemSplitter((some) => items.push(...some));
  const bytes = Buffer.from(text);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    splitter.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { items, around: JSON.parse(splitter.around) };
}

const item = fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue() });
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

test('the same items and the same around them as in the whole', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(item),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.integer({ min: 0, max: 3 }),
      cuts,
      (before, items, after, indent, sizes) => {
        const { items: _before, ...first } = before;
        const { items: _after, ...last } = after;
        const text = JSON.stringify({ ...first, items, ...last }, undefined, indent);
        const whole: { items: unknown[] } = JSON.parse(text);
        const seen = split(text, sizes);
        expect(seen.items).toEqual(whole.items);
        expect(seen.around).toEqual({ ...whole, items: [] });
      },
    ),
  );
});

/** Each of the arrays called so one level within an item's members is an empty one. */
function withoutManagedFields(items: unknown): unknown {
  return (items as Record<string, Record<string, unknown>>[]).map((one) =>
    Object.fromEntries(
      Object.entries(one).map(([key, member]) => [
        key,
        Array.isArray(member?.['managedFields']) ? { ...member, managedFields: [] } : member,
      ]),
    ),
  );
}

const managed = fc.record({
  metadata: fc.record({
    name: fc.string(),
    managedFields: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
    labels: fc.jsonValue(),
  }),
  spec: fc.jsonValue(),
});

test('but for what managedFields have', () => {
  fc.assert(
    fc.property(fc.array(managed), fc.integer({ min: 0, max: 3 }), cuts, (items, indent, sizes) => {
      const text = JSON.stringify({ items, kind: 'List' }, undefined, indent);
      const { items: seen, around } = split(text, sizes);
      const { items: plain } = JSON.parse(text);
      expect(withoutManagedFields(seen)).toEqual(withoutManagedFields(plain));
      expect(around).toEqual({ items: [], kind: 'List' });
      expect(split(text, [text.length * 4]).items).toEqual(withoutManagedFields(plain));
    }),
  );
});

test('what is left out may come in any number of pieces', () => {
  const item = { metadata: { managedFields: [{ a: 'x]"'.repeat(50) }], name: 'web' }, spec: { b: 1 } };
  const text = JSON.stringify({ items: [item, item] });
  const key = text.indexOf('managedFields');
  for (const size of [1, 2, 3, 17]) {
    const { items } = split(text, [key + 20, ...Array.from({ length: 30 }, () => size)]);
    expect(items[0]).toEqual({ metadata: { managedFields: [], name: 'web' }, spec: { b: 1 } });
    expect(withoutManagedFields(items)).toEqual([items[0], items[0]]);
  }
});

test.each([
  ['no items', '{"kind":"List"}', []],
  ['null for no items', '{"items":null,"kind":"List"}', []],
  ['items of something within', '{"metadata":{"items":[{"a":1}]},"items":[{"a":2}]}', [{ a: 2 }]],
  ['a value that is called like the key', '{"kind":"items","other":[{"a":1}],"items":[{"a":2}]}', [{ a: 2 }]],
  ['a key that begins like it', '{"items2":[{"a":1}],"item":[{"a":3}],"items":[{"a":2}]}', [{ a: 2 }]],
  [
    'brackets, quotes and escapes in texts',
    String.raw`{"items":[{"a":"]}\"\\"},{"b":"\\\"["}]}`,
    [{ a: ']}"\\' }, { b: '\\"[' }],
  ],
])('%s', (_case, text, items) => {
  for (const size of [1, 2, 3, 7, 1000]) expect(split(text, [size]).items).toEqual(items);
});

test('what is no JSON is found', () => {
  expect(() => split('{"items":[{"a":1},{b}]}', [5])).toThrow(SyntaxError);
  expect(() => split('<html>login</html>', [5])).toThrow(SyntaxError);
});
