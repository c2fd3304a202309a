import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { KUBECONFIG_FILE } from '../../../sandbox/index.ts';
import { type ContextOptions, loadContexts } from '../../../src/session/contexts.ts';
import { CommandKubeconfig } from '../../../src/session/kubeconfig.ts';
import { Scratch } from '../cluster/access/scratch.ts';
import { LogLines } from '../cluster/probe.ts';

const KUBECONFIG = `
clusters:
- {name: east, cluster: {server: 'https://east.test', extensions: [{name: x, extension: 010}]}}
- {name: west, cluster: {server: 'https://west.test'}}
users:
- {name: me, user: {token: secret}}
- {name: robot, user: {token: secret, as: somebody}}
contexts:
- {name: east, context: {cluster: east, user: me, namespace: shop}}
- {name: west, context: {cluster: west, user: me}}
current-context: west
`;

/** What comes of the options; the kubeconfig's file is called FILE here. */
async function chosen(more: Partial<ContextOptions>, shows: (file: string) => boolean = () => true) {
  const file = new Scratch().write('config', KUBECONFIG);
  const contexts = await loadContexts({
    ...(more.kubeconfigText === undefined && { kubeconfig: file }),
    contexts: [],
    namespaces: [],
    allNamespaces: false,
    picks: [],
    aliases: [],
    waits: [],
    publishedTargets: [],
    log: new LogLines(),
    ...more,
  });
  const kubeconfig = new CommandKubeconfig(contexts, () => shows);
  let written: string | undefined;
  kubeconfig.write({ kubeconfig: { write: (text) => (written = text) } });
  const list = kubeconfig.lead({ KUBECONFIG: 'whatever' })['KUBECONFIG'];
  return {
    file,
    kubeconfig,
    list: list === file ? 'FILE' : list,
    written: written === undefined ? undefined : JSON.parse(written),
  };
}

test.each<[string, Partial<ContextOptions>]>([
  ['nothing', {}],
  ['the current context', { contexts: ['west'] }],
  ['its own namespace', { namespaces: [{ namespace: 'default' }] }],
  ['all namespaces', { allNamespaces: true }],
  ['one more context', { contexts: ['west', 'east'] }],
])('where %s is asked for, the files say it already', async (_, more) => {
  expect(await chosen(more)).toMatchObject({ list: 'FILE', written: undefined });
});

const east = { cluster: 'east', user: 'me', namespace: 'shop' };
const west = { cluster: 'west', user: 'me' };

const named = (list: { name: string; context: object }[]) =>
  Object.fromEntries(list.map(({ name, context }) => [name, context]));

test.each<[string, Partial<ContextOptions>, string, object]>([
  ['another context', { contexts: ['east'] }, 'east', { east, west }],
  [
    'the first of several namespaces',
    { namespaces: [{ namespace: 'a' }, { namespace: 'b' }] },
    'west',
    { east, west: { ...west, namespace: 'a' } },
  ],
  [
    'a namespace of the second context',
    { contexts: ['west', 'east'], namespaces: [{ context: 'east', namespace: 'b' }] },
    'west',
    { east: { ...east, namespace: 'b' }, west: { ...west, namespace: 'default' } },
  ],
  [
    'another cluster and user',
    { cluster: 'east', user: 'robot' },
    'west',
    { east, west: { cluster: 'east', user: 'robot', namespace: 'default' } },
  ],
])('%s is said in one file, with all else that theirs have', async (_, more, current, contexts) => {
  const { list, written } = await chosen(more);
  expect(list).toBe(KUBECONFIG_FILE);
  expect(written['current-context']).toBe(current);
  expect(named(written.contexts)).toEqual(contexts);
  const { clusters, users } = parse(KUBECONFIG, { version: '1.1' });
  expect(written).toMatchObject({ apiVersion: 'v1', kind: 'Config', clusters, users });
});

test('what the command is not to see is not told there: what it finds at that path is meant', async () => {
  expect(await chosen({ contexts: ['east'] }, () => false)).toMatchObject({
    list: 'FILE',
    written: undefined,
  });
});

test('what was made of several files is told where all of them are seen', async () => {
  const { written, file } = await chosen({ contexts: ['east'] });
  const more = { kubeconfig: new Scratch().write('outer', JSON.stringify(written)), contexts: ['west'] };
  const seen: string[] = [];
  const again = await chosen(more, (path) => seen.push(path) > 0);
  expect(again).toMatchObject({ list: KUBECONFIG_FILE, written: { 'current-context': 'west' } });
  expect(seen).toEqual([file]);
  expect((await chosen(more, (path) => path !== file)).written).toBeUndefined();
});

test('a file that is no regular one is read once: what it says is written', async () => {
  const folder = new Scratch();
  const pipe = path.join(path.dirname(folder.write('config', KUBECONFIG)), 'pipe');
  execFileSync('mkfifo', [pipe]);
  // By another process: reading holds this one up.
  spawn('sh', ['-c', 'printf %s "$1" >"$0"', pipe, KUBECONFIG], { stdio: 'inherit' });
  const { list, written } = await chosen({ kubeconfig: pipe });
  expect(list).toBe(KUBECONFIG_FILE);
  expect(written).toMatchObject({ 'current-context': 'west' });
});

test('what is of no file has nothing to stand for', async () => {
  expect(await chosen({ kubeconfigText: KUBECONFIG, contexts: ['east'] })).toMatchObject({
    list: 'whatever',
    written: undefined,
  });
});

test('the environment is changed where it leads elsewhere', async () => {
  const { kubeconfig, file } = await chosen({});
  expect(kubeconfig.lead({ KUBECONFIG: file })).toEqual({ KUBECONFIG: file });
  expect(kubeconfig.lead({ KUBECONFIG: `:${file}` })).toEqual({ KUBECONFIG: `:${file}` });
  // Who joins a sandbox may be in another directory.
  expect(kubeconfig.lead({ KUBECONFIG: 'config' })).toEqual({ KUBECONFIG: file });
  expect(kubeconfig.lead({ HOME: '/home/a' })).toEqual({ HOME: '/home/a', KUBECONFIG: file });
  const { kubeconfig: textAlone } = await chosen({ kubeconfigText: KUBECONFIG });
  expect(textAlone.lead({ HOME: '/home/a' })).toEqual({ HOME: '/home/a' });
});
