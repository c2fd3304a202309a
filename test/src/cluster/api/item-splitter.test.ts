/** Against `JSON.parse` of the whole, however the bytes are cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ItemSplitter } from '../../../../src/cluster/api/item-splitter.ts';

function split(text: string, sizes: readonly number[]): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const splitter = new ItemSplitter();
  const bytes = Buffer.from(text);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    for (const some of splitter.push(bytes.subarray(at, at + size))) items.push(...some.read());
    at += size;
  }
  return { items, around: splitter.end() };
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
