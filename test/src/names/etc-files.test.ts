import { describe, expect, test } from 'vitest';
import { hostsFile, nsswitchConf, resolvConf } from '../../../src/names/etc-files.ts';
import { NameTable, namesOf } from '../../../src/names/name-table.ts';

function table(): NameTable {
  const names = new NameTable();
  for (const name of namesOf('web', 'e2e')) names.add(name, ['10.0.1.7']);
  for (const name of namesOf('db', 'e2e')) names.add(name, ['10.0.1.8', '10.0.1.9']);
  return names;
}

describe('hosts file', () => {
  test('lists the names of an address on one line, before the entries of the host', () => {
    const text = hostsFile(table(), '127.0.0.1\tlocalhost\n192.0.2.1 printer\n', 'me');
    const lines = text.split('\n');
    expect(lines[1]).toBe('10.0.1.7\tweb web.e2e web.e2e.svc web.e2e.svc.cluster.local');
    expect(lines.indexOf('192.0.2.1 printer')).toBeGreaterThan(
      lines.findIndex((l) => l.startsWith('10.0.1.9')),
    );
  });

  test("takes a Service's name out of the host's entries, and leaves their other names", () => {
    const text = hostsFile(
      table(),
      '127.0.0.1 localhost\n192.0.2.2 web intranet\n192.0.2.3 WEB\n192.0.2.4 x # web\n',
      'me',
    );
    expect(text).toContain('\n192.0.2.2\tintranet\n');
    expect(text).toContain('\n# 192.0.2.3 WEB\n');
    expect(text).toContain('\n192.0.2.4 x # web\n');
  });

  test('has localhost even where the host has no hosts file', () => {
    expect(hostsFile(table(), '', 'me')).toContain('127.0.0.1\tlocalhost\n');
    expect(hostsFile(table(), '127.0.0.1 me localhost\n', 'me').match(/127\.0\.0\.1/g)).toHaveLength(1);
  });

  test("has the host's own name, which a Service of the same name takes over", () => {
    expect(hostsFile(table(), '127.0.0.1 localhost\n', 'me')).toContain('127.0.1.1\tme\n');
    expect(hostsFile(table(), '127.0.0.1 localhost ME # here\n', 'me')).not.toContain('127.0.1.1');
    expect(hostsFile(table(), '127.0.0.1 localhost\n127.0.1.1 web\n', 'web')).not.toMatch(/^127\.0\.1\.1/m);
  });

  test('of thousands of Services is made in a moment', () => {
    const names = new NameTable();
    for (let i = 0; i < 5000; i++)
      for (const form of namesOf(`service-${i}`, 'shop')) names.add(form, [`10.1.${i >> 8}.${i & 255}`]);
    const lines = hostsFile(names, '127.0.0.1 localhost\n', 'me').split('\n');
    expect(lines.filter((line) => line.startsWith('10.1.'))).toHaveLength(5000);
  });
});

test("resolv.conf has our name server alone, and the host's search list and options", () => {
  const host =
    '# by hand\nnameserver 192.0.2.53\nsearch corp.example lab.example\noptions ndots:2 edns0\nnameserver ::1\n';
  expect(resolvConf('10.0.1.1', host)).toBe(
    'nameserver 10.0.1.1\nsearch corp.example lab.example\noptions ndots:2 edns0\n',
  );
  expect(resolvConf('10.0.1.1', '')).toBe('nameserver 10.0.1.1\n');
});

test('nsswitch.conf looks hosts up in the file and by DNS, whatever the host does', () => {
  const host =
    'passwd: files systemd\nhosts: mymachines resolve [!UNAVAIL=return] mdns4 files dns\nshadow: files\n';
  expect(nsswitchConf(host)).toBe('passwd: files systemd\nshadow: files\nhosts:          files dns\n');
  expect(nsswitchConf('')).toBe('hosts:          files dns\n');
});
