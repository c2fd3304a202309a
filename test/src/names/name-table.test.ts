import { expect, test } from 'vitest';
import { NameTable, namesOf } from '../../../src/names/name-table.ts';

test('a Service has the four names that it has in a pod', () => {
  expect(namesOf('web', 'e2e')).toEqual(['web', 'web.e2e', 'web.e2e.svc', 'web.e2e.svc.cluster.local']);
  expect(namesOf('db', 'e2e', 'db-0')).toContain('db-0.db.e2e.svc.cluster.local');
});

test('names are found whatever their case and final dot', () => {
  const names = new NameTable();
  names.add('Web.E2E', ['10.0.1.7']);
  expect(names.lookup('wEB.e2e.')).toEqual(['10.0.1.7']);
});

test('the first to take a name keeps it', () => {
  const names = new NameTable();
  expect(names.add('web', ['10.0.1.7'])).toBe(true);
  expect(names.add('WEB', ['10.0.1.8'])).toBe(false);
  expect(names.lookup('web')).toEqual(['10.0.1.7']);
});

test('a name that only has names below it exists, and has no address', () => {
  const names = new NameTable();
  names.add('web.e2e.svc', ['10.0.1.7']);
  expect(names.lookup('svc')).toEqual([]);
  expect(names.lookup('e2e.svc')).toEqual([]);
  expect(names.lookup('other.svc')).toBeUndefined();
});

test('no Service can take the name of the sandbox itself', () => {
  const names = new NameTable();
  expect(names.add('localhost', ['10.0.1.7'])).toBe(false);
  expect(names.lookup('localhost')).toBeUndefined();
});
