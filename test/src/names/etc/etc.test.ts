import { describe, expect, test } from 'vitest';
import { HostsFile } from '../../../../src/names/etc/hosts.ts';
import { nsswitchConf } from '../../../../src/names/etc/nsswitch.ts';
import { podSearchList, resolvConf } from '../../../../src/names/etc/resolv-conf.ts';
import { NameTable, type NameRecord } from '../../../../src/names/name-table.ts';
import { serviceNames } from '../../../../src/names/service-names.ts';

const record = (addresses: readonly string[], inHosts = true): NameRecord => ({
  addresses,
  ports: [],
  targets: [],
  inHosts,
});

const namesOf = (name: string) => serviceNames({ namespace: 'e2e', name }, { domain: 'cluster.local' }).names;

function table(): NameTable {
  const names = new NameTable();
  for (const name of namesOf('web')) names.claim(name, 0, record(['10.0.1.7', 'fd6b:6e73::7']));
  for (const name of namesOf('db')) names.claim(name, 0, record(['10.0.1.8', '10.0.1.9']));
  return names;
}

const hosts = (host: string, ownName = 'me') => new HostsFile(host, ownName).text(table());

describe('hosts file', () => {
  test('lists the names of an address on one line, before the entries of the host', () => {
    const lines = hosts('127.0.0.1\tlocalhost\n192.0.2.1 printer\n').split('\n');
    expect(lines[1]).toBe('10.0.1.7\tweb web.e2e web.e2e.svc web.e2e.svc.cluster.local');
    expect(lines[2]).toBe('fd6b:6e73::7\tweb web.e2e web.e2e.svc web.e2e.svc.cluster.local');
    expect(lines.indexOf('192.0.2.1 printer')).toBeGreaterThan(
      lines.findIndex((line) => line.startsWith('10.0.1.9')),
    );
  });

  test("takes a Service's name out of the host's entries, and leaves their other names", () => {
    const text = hosts('127.0.0.1 localhost\n192.0.2.2 web intranet\n192.0.2.3 WEB\n192.0.2.4 x # web\n');
    expect(text).toContain('\n192.0.2.2\tintranet\n');
    expect(text).toContain('\n# 192.0.2.3 WEB\n');
    expect(text).toContain('\n192.0.2.4 x # web\n');
  });

  test('has localhost even where the host has no hosts file', () => {
    expect(hosts('')).toContain('127.0.0.1\tlocalhost\n');
    expect(hosts('127.0.0.1 me localhost\n').match(/127\.0\.0\.1/g)).toHaveLength(1);
  });

  test("has the host's own name, which a Service of the same name takes over", () => {
    expect(hosts('127.0.0.1 localhost\n')).toContain('127.0.1.1\tme\n');
    expect(hosts('127.0.0.1 localhost ME # here\n')).not.toContain('127.0.1.1');
    expect(hosts('127.0.0.1 localhost\n127.0.1.1 web\n', 'web')).not.toMatch(/^127\.0\.1\.1/m);
  });

  test('gives the host its entry back when the Service has gone, and takes it again', () => {
    const names = new NameTable();
    const file = new HostsFile('127.0.0.1 localhost\n192.0.2.2 intranet\n', 'me');
    const before = file.text(names);
    const intranet = record(['10.0.1.7']);
    names.claim('intranet', 0, intranet);
    expect(file.text(names)).toContain('# 192.0.2.2 intranet\n');
    names.release('intranet', intranet);
    expect(file.text(names)).toBe(before);
    names.claim('me', 0, intranet);
    expect(file.text(names)).not.toContain('127.0.1.1');
  });

  test('leaves names to DNS that are not meant for it', () => {
    const names = table();
    names.claim('10-244-0-5.db', 0, record(['10.0.1.8'], false));
    names.claim('outer', 0, { ...record([]), alias: 'example.com' });
    expect(new HostsFile('', 'me').text(names)).not.toMatch(/10-244|outer/);
  });

  test('leaves all of them to DNS where they are thousands, and is no smaller for the host', () => {
    const names = new NameTable();
    const fill = (from: number, to: number) => {
      for (let i = from; i < to; i++) names.claim(`s-${i}`, 0, record([`10.1.${i >> 8}.${i & 255}`]));
    };
    const file = new HostsFile('192.0.2.3 s-1\n', 'me');
    fill(0, 2000);
    expect(file.text(names).match(/^10\.1\./gm)).toHaveLength(2000);
    fill(2000, 2001);
    const text = file.text(names);
    expect(text).not.toMatch(/^10\.1\./m);
    expect(text).toMatch(/too many.*\n[^]*127\.0\.1\.1\tme\n# 192\.0\.2\.3 s-1\n/);
  });
});

describe('resolv.conf', () => {
  const search = podSearchList('e2e', 'cluster.local');
  const lines = (host: string, list: readonly string[] = search, roundMs = 5000) =>
    resolvConf({ nameServer: '10.0.1.1', search: list, roundMs, host }).split('\n');

  test("has our name server alone, a pod's search list before the host's, and ndots as in a pod", () => {
    const host =
      '# by hand\nnameserver 192.0.2.53\nsearch corp.example\noptions ndots:2 edns0\nnameserver ::1\n' +
      'options rotate\nsortlist 10.0.0.0/8\n';
    expect(lines(host)).toEqual([
      'nameserver 10.0.1.1',
      'search e2e.svc.cluster.local svc.cluster.local cluster.local corp.example',
      'options ndots:5 edns0 rotate',
      'sortlist 10.0.0.0/8',
      '',
    ]);
  });

  test("without a file of the host's, it is a pod's", () => {
    expect(lines('')).toEqual([
      'nameserver 10.0.1.1',
      'search e2e.svc.cluster.local svc.cluster.local cluster.local',
      'options ndots:5',
      '',
    ]);
    expect(podSearchList(undefined, 'k8s.corp')).toEqual(['svc.k8s.corp', 'k8s.corp']);
  });

  test("an answer is waited for as long as all of the host's servers may take", () => {
    const host = 'options timeout:2 attempts:1\n';
    expect(lines(host, search, 6000)[2]).toBe('options ndots:5 attempts:1 timeout:6');
    expect(lines(host, search, 5000)[2]).toBe('options ndots:5 attempts:1');
    expect(lines(host, search, 90_000)[2]).toBe('options ndots:5 attempts:1 timeout:30');
  });

  test('the last search or domain of the host counts, as resolv.conf(5) has it', () => {
    expect(lines('search a.example b.example\ndomain c.example\n')[1]).toMatch(/ cluster\.local c\.example$/);
  });

  test('a search list stays within what every C library reads', () => {
    const many = Array.from({ length: 9 }, (_, i) => `d${i}.example`).join(' ');
    expect(lines(`search ${many}\n`)[1].split(' ').slice(1)).toHaveLength(6);
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}`;
    const [, list] = lines(`search ${long} ${long}.example short.example\n`);
    expect(list.length).toBeLessThanOrEqual('search '.length + 256);
    expect(list).toContain(long);
    expect(list).not.toContain('example');
  });
});

test('nsswitch.conf looks hosts up in the file and by DNS, whatever the host does', () => {
  const host =
    'passwd: files systemd\nhosts: mymachines resolve [!UNAVAIL=return] mdns4 files dns\nshadow: files\n';
  expect(nsswitchConf(host)).toBe('passwd: files systemd\nshadow: files\nhosts:          files dns\n');
  expect(nsswitchConf('')).toBe('hosts:          files dns\n');
});
