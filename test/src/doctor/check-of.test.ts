/** The errors of the launcher that a check explains: by the table, by the documents, by what the user reads. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SandboxError } from '../../../sandbox/index.ts';
import { describeError } from '../../../src/cli/report.ts';
import { UsageError } from '../../../src/errors.ts';
import { checkOf } from '../../../src/doctor/check-of.ts';

const document = (name: string) => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8');

/** They are of the command line alone, of one moment, or of what the user asks for by name. */
const WITHOUT_CHECK = [
  'CWD_MISSING',
  'FD_INVALID',
  'JOIN_FAILED',
  'LISTEN_FAILED',
  'MOUNT_INVALID',
  'PICK_AMBIGUOUS',
  'PICK_UNKNOWN',
  'POD_GONE',
  'SELECTOR_INVALID',
  'WAIT_TIMEOUT',
];

/** The codes of a part of docs/errors.md. */
function codesUnder(heading: string): string[] {
  const part =
    document('errors.md')
      .split(/^## /m)
      .find((text) => text.startsWith(heading)) ?? '';
  return [...part.matchAll(/^\| (`[A-Z_`, ]+) \|/gm)].flatMap(([, cell]) =>
    cell.replaceAll('`', '').split(', '),
  );
}

test('each error of the cluster and of the sandbox has its check, or a reason to have none', () => {
  const codes = [...codesUnder('The cluster'), ...codesUnder('The sandbox')];
  expect(codes.length).toBeGreaterThan(30);
  expect(codes.filter((code) => checkOf(code) === undefined).toSorted()).toEqual(WITHOUT_CHECK);
});

test('no error of the command line has one', () => {
  expect(codesUnder('The command line').filter((code) => checkOf(code) !== undefined)).toEqual([]);
});

test('docs/doctor.md has each check, with the errors that it explains', () => {
  const rows = [...document('doctor.md').matchAll(/^\| `([a-z-]+)` \|.*\| ([^|]*) \|$/gm)];
  const documented = rows.flatMap(([, id, errors]) =>
    [...errors.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => `${code} ${id}`),
  );
  const codes = [...codesUnder('The cluster'), ...codesUnder('The sandbox')];
  const mapped = codes.flatMap((code) => {
    const id = checkOf(code);
    return id === undefined ? [] : [`${code} ${id}`];
  });
  expect(documented.toSorted()).toEqual(mapped.toSorted());
});

test('the line ends with the check, where there is one', () => {
  const denied = new SandboxError('USERNS_DENIED', 'they are not permitted', 'permit them');
  expect(describeError(denied)).toBe(
    'kns-rootless: they are not permitted [USERNS_DENIED]: permit them (kns-rootless doctor: user-namespaces)',
  );
  const invalid = new UsageError('CIDR_INVALID', 'no range', 'give one');
  expect(describeError(invalid)).toBe('kns-rootless: no range [CIDR_INVALID]: give one');
});
