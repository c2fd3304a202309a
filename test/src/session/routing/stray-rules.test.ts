/** Which rules are told to be about nothing, over a directory whose Services come and go. */

import { expect, test, vi } from 'vitest';
import { AddressPlan } from '../../../../src/names/address-plan.ts';
import { parsePolicyFile } from '../../../../src/policy/file.ts';
import { parseRuleOption, type Rule } from '../../../../src/policy/rule.ts';
import { Directory, type DirectoryContext } from '../../../../src/session/routing/directory.ts';
import { StrayRules } from '../../../../src/session/routing/stray-rules.ts';
import { LogLines } from '../../cluster/probe.ts';
import { context, FakeCluster, headless, service } from './fake-cluster.ts';

const web = service('web');

function deny(...texts: readonly string[]): Rule[] {
  return texts.map((text) => parseRuleOption('deny', text, '--deny'));
}

function watch(contexts: readonly DirectoryContext[], rules: readonly Rule[]) {
  const log = new LogLines();
  const domain = 'cluster.local';
  const plan = new AddressPlan('10.0.1.0/24', 'fd6b:6e73::/64');
  const silent = { warn() {}, info() {}, debug() {} };
  const directory = new Directory({ plan, contexts, domain, log: silent });
  const stray = new StrayRules({ rules, contexts, directory, domain, log });
  directory.names.onChange = (name) => stray.nameChanged(name);
  directory.onNamesChanged = () => stray.check();
  return { directory, lines: log.lines, check: () => stray.check() };
}

function told(contexts: readonly DirectoryContext[], ...texts: readonly string[]): readonly string[] {
  const { lines, check } = watch(contexts, deny(...texts));
  check();
  return lines;
}

test('a name that is a Service is told once, with what to write for it', () => {
  const { lines, check } = watch(
    [context(new FakeCluster([web]))],
    deny('web', 'tcp:web.a:80', 'example.com'),
  );
  check();
  check();
  expect(lines).toEqual([
    'warn: --deny web: web is a Service here: write a/svc/web for it',
    'warn: --deny tcp:web.a:80: web.a is a Service here: write a/svc/web for it',
  ]);
});

test('so is a name that becomes a Service later', () => {
  const cluster = new FakeCluster();
  const { lines, check } = watch([context(cluster)], deny('web', 'other'));
  check();
  expect(lines).toEqual([]);
  cluster.put(web);
  cluster.remove(web);
  cluster.put(web);
  expect(lines).toEqual(['warn: --deny web: web is a Service here: write a/svc/web for it']);
});

test('only rules whose names have changed are looked at again', () => {
  const cluster = new FakeCluster();
  const { directory, check } = watch([context(cluster)], deny('web', 'example.com', 'example.org', 'svc/*'));
  check();
  const looked = vi.spyOn(directory.names, 'lookup');
  cluster.put(service('other'));
  check();
  expect(looked).not.toHaveBeenCalled();
  cluster.put(web);
  expect(looked.mock.calls).toEqual([['web']]);
});

test('Services are read once for all rules about them', () => {
  const cluster = new FakeCluster([web]);
  const { check } = watch([context(cluster)], deny('svc/web', 'a/svc/web', 'svc/wbe', 'ns/a', 'ns/c'));
  const read = vi.spyOn(cluster, 'services', 'get');
  check();
  expect(read).toHaveBeenCalledTimes(1);
});

test('so are names of pods, and a name that stands for another', () => {
  const db = headless('db');
  const cluster = new FakeCluster([
    db,
    service('ext', { type: 'ExternalName', clusterIPs: [], externalName: 'db.example' }),
  ]);
  cluster.setPods(db, 'db-0');
  expect(told([context(cluster)], 'db-0.db', 'ext', 'svc/ext')).toEqual([
    "warn: --deny db-0.db: db-0.db is a Service's pod here: write a/svc/db for it",
    'warn: --deny ext: ext is an ExternalName Service here: write db.example for it',
    'warn: --deny svc/ext: an ExternalName Service is decided by the name that it stands for: write db.example for it',
  ]);
});

test('names that only a Service can have are told by their form', () => {
  expect(
    told(
      [context(new FakeCluster())],
      'wbe.a.svc.cluster.local',
      'db-0.db.a.svc',
      '*.a.svc.cluster.local',
      '*.cluster.local',
      '*.svc',
    ).map((line) => line.replace(/^.*: /, '')),
  ).toEqual([
    'write a/svc/wbe for it',
    'write a/svc/db for it',
    'write ns/a for it',
    'write ns/* for it',
    'write ns/* for it',
  ]);
});

test('with several contexts the context is named, where the name has it', () => {
  const contexts = [
    context(new FakeCluster([service('other')])),
    context(new FakeCluster([web]), { name: 'admin@prod', key: 'prod', label: 'admin-prod' }),
  ];
  expect(told(contexts, 'web', 'x.a.svc.admin-prod', '*.a.svc.cluster.local.admin-prod')).toEqual([
    'warn: --deny web: web is a Service here: write admin@prod/a/svc/web for it',
    'warn: --deny x.a.svc.admin-prod: only a Service can have this name: write admin@prod/a/svc/x for it',
    'warn: --deny *.a.svc.cluster.local.admin-prod: only Services have such names: write admin@prod/ns/a for it',
  ]);
});

test('a Service that is not there is told, and no rule about all that there may be', () => {
  const contexts = [context(new FakeCluster([web]))];
  expect(told(contexts, 'svc/wbe', 'a/svc/web', 'b/svc/web', 'prod/a/svc/web', 'ns/c')).toEqual(
    ['svc/wbe', 'b/svc/web', 'prod/a/svc/web', 'ns/c'].map(
      (text) => `warn: --deny ${text}: no Service of this run matches it so far`,
    ),
  );
  // The namespace b was asked for, and may have some later.
  expect(told(contexts, 'ns/*', 'svc/*', 'ns/a', 'ns/b', 'dev/ns/*', 'b/svc/*')).toEqual([]);
});

test('of a file, which may be meant for other runs as well, what is not there is told with -v alone', () => {
  const { rules } = parsePolicyFile('rules:\n  - deny: [svc/wbe, web]\n', 'policy.yaml', []);
  const { lines, check } = watch([context(new FakeCluster([web]))], rules);
  check();
  expect(lines).toEqual([
    'info: policy.yaml:2:12 svc/wbe: no Service of this run matches it so far',
    'warn: policy.yaml:2:21 web: web is a Service here: write a/svc/web for it',
  ]);
});

test('so are addresses of Services and of pods, each as a single one', () => {
  const cluster = new FakeCluster([web]);
  cluster.setPods(web, 'web-1');
  expect(told([context(cluster)], '10.96.0.1', '10.244.0.1', '10.0.0.0/8', '192.0.2.1')).toEqual([
    'warn: --deny 10.96.0.1: 10.96.0.1 is a Service here: write a/svc/web for it',
    "warn: --deny 10.244.0.1: 10.244.0.1 is a Service's pod here: write a/svc/web for it",
  ]);
});

test('who denies what is open whatever rules say is told, and not who allows it', () => {
  const allowing = parseRuleOption('allow', 'api.example.com', '--allow');
  const rules = [...deny('kubernetes.default.svc', '192.0.2.7', 'api.example.com'), allowing];
  const { directory, lines, check } = watch([context(new FakeCluster([web]))], rules);
  const names = ['kubernetes.default.svc', 'api.example.com'];
  directory.addEndpoint(
    {
      name: 'the API server',
      leftOutBy: '--no-api-server leaves it out',
      hasPort: () => true,
      dial: silence,
    },
    { names, literals: ['192.0.2.7'] },
  );
  check();
  expect(lines.toSorted()).toEqual(
    ['192.0.2.7', 'api.example.com', 'kubernetes.default.svc'].map(
      (text) => `warn: --deny ${text}: ${text} is reached whatever rules say; --no-api-server leaves it out`,
    ),
  );
});

test('nothing is told of what is of the outside', () => {
  const rules = ['*', '*.example.com', '10.0.0.0/8', '192.0.2.1', 'example.com', 'web.example', 'localhost'];
  expect(told([context(new FakeCluster([web]))], ...rules)).toEqual([]);
});

function silence() {
  return { write() {}, end() {}, pause() {}, resume() {}, destroy() {} };
}
