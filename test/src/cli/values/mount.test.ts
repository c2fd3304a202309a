import { expect, test } from 'vitest';
import { parseMount } from '../../../../src/cli/values/mount.ts';

test.each([
  ['/a', '/a', '/a'],
  ['/a:/b', '/a', '/b'],
  ['/a:b:/c:d', '/a:b', '/c:d'],
  ['/a:b', '/a:b', '/a:b'],
  ['/a/../b/', '/b', '/b'],
  ['here', `${process.cwd()}/here`, `${process.cwd()}/here`],
])('%s shows %s at %s', (text, source, target) => {
  expect(parseMount(text, 'bind')).toEqual({ kind: 'bind', source, target });
});
