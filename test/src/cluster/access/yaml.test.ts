/** YAML as Go's parser for Kubernetes takes it, beside a larger parser of the same version. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseYaml } from '../../../../src/cluster/access/yaml.ts';

const SCALARS: readonly (readonly [string, unknown])[] = [
  ['yes', true],
  ['On', true],
  ['y', true],
  ['true', true],
  ['NO', false],
  ['off', false],
  ['false', false],
  ['~', null],
  ['null', null],
  ['', null],
  ['0', 0],
  ['12', 12],
  ['-7', -7],
  ['1_000', 1000],
  ['010', 8],
  ['0o17', 15],
  ['0x1F', 31],
  ['-0b101', -5],
  ['1.5', 1.5],
  ['"yes"', 'yes'],
  ["'010'", '010'],
  ['!!str 010', '010'],
  ['yess', 'yess'],
  ['v1.30', 'v1.30'],
  ['10.0.0.1', '10.0.0.1'],
  ['2001-12-14', '2001-12-14'],
  ['!!timestamp 2001-12-14', '2001-12-14'],
  ['!!binary aGk=', 'aGk='],
  ['https://[::1]:6443', 'https://[::1]:6443'],
];

/** Those that mean something to a parser, and some that do not. */
const LETTERS = Array.from('ab01 :#-?{}[]&*!|>\'"%@`,\\\n\tnoyesé');

test.each(SCALARS)('%s', (text, value) => {
  expect(parseYaml(`key: ${text}\n`)).toEqual({ key: value });
});

test('<< merges', () => {
  const text = 'base: &base {server: a, port: 1}\nuse:\n  <<: *base\n  port: 2\n';
  expect(parseYaml(text)).toMatchObject({ use: { server: 'a', port: 2 } });
});

test('blocks of lines', () => {
  const text = 'hint: |\n  install it:\n\n    brew\nfolded: >-\n  one\n  line\n';
  expect(parseYaml(text)).toEqual({ hint: 'install it:\n\n  brew\n', folded: 'one line' });
});

test('nothing at all', () => {
  expect([parseYaml(''), parseYaml('# a comment\n'), parseYaml('---\n')]).toEqual([null, null, null]);
});

test.each([
  ['a key that is there twice', 'a: 1\na: 2\n', 'line 2'],
  ['what is open at the end', 'users:\n- token: "secret\n', 'line 3'],
  ['a password that begins like an alias', 'password: *secret\n', 'line 1, column 18'],
  ['one that begins like a tag', 'user:\n  password: !secret\n', 'line 3'],
])('an error says where, and nothing of what stands there: %s', (_what, text, where) => {
  const error = catchError(() => parseYaml(text));
  expect(error.message).toContain(where);
  expect(error.message).not.toContain('secret');
});

test('of several documents the first counts', () => {
  expect(parseYaml('a: 1\n---\nb: 2\n')).toEqual({ a: 1 });
  expect(parseYaml('a: 1\n---\n')).toEqual({ a: 1 });
  expect(parseYaml('')).toBeNull();
});

test('all that another program writes comes out as it was', () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: fc.constantFrom(...LETTERS) }),
      fc.constantFrom('yes', 'No', 'on', '010', '0x1', '1e3', '~', '<<x', '12:30', '2001-12-14'),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[a-z-]{1,8}$/), tie('node'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).node;
  fc.assert(
    fc.property(value, (written) => {
      // No parser agrees with the other about blocks of blank lines.
      const text = stringify(written, { version: '1.1', blockQuote: false });
      expect(parseYaml(text)).toEqual(written);
      expect(parseYaml(JSON.stringify(written))).toEqual(written);
    }),
  );
});

function catchError(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}
