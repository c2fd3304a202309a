import { expect, test } from 'vitest';
import { KUBECONFIG_FILE } from '../../../sandbox/index.ts';
import { type ContextOptions, loadContexts } from '../../../src/session/contexts.ts';
import { commandKubeconfig, withKubeconfig } from '../../../src/session/kubeconfig.ts';
import { Scratch } from '../cluster/access/scratch.ts';
import { LogLines } from '../cluster/probe.ts';

const KUBECONFIG = `
clusters:
- {name: east, cluster: {server: 'https://east.test'}}
- {name: west, cluster: {server: 'https://west.test'}}
users:
- {name: me, user: {token: secret}}
- {name: robot, user: {token: secret}}
contexts:
- {name: east, context: {cluster: east, user: me, namespace: shop}}
- {name: west, context: {cluster: west, user: me}}
current-context: west
`;

/** What comes of the options; the kubeconfig's file is called FILE here. */
async function chosen(more: Partial<ContextOptions>) {
  const file = new Scratch().write('config', KUBECONFIG);
  const contexts = await loadContexts({
    ...(more.kubeconfigText === undefined && { kubeconfig: file }),
    contexts: [],
    namespaces: [],
    allNamespaces: false,
    picks: [],
    aliases: [],
    waits: [],
    log: new LogLines(),
    ...more,
  });
  const { files, text } = commandKubeconfig(contexts);
  return { files: files.map((one) => (one === file ? 'FILE' : one)), text };
}

test.each<[string, Partial<ContextOptions>]>([
  ['nothing', {}],
  ['the current context', { contexts: ['west'] }],
  ['its own namespace', { namespaces: [{ namespace: 'default' }] }],
  ['all namespaces', { allNamespaces: true }],
  ['one more context', { contexts: ['west', 'east'] }],
])('where %s is asked for, the files say it already', async (_, more) => {
  expect(await chosen(more)).toEqual({ files: ['FILE'], text: undefined });
});

const west = { name: 'west', context: { cluster: 'west', user: 'me', namespace: 'default' } };

test.each<[string, Partial<ContextOptions>, string, object[]]>([
  [
    'another context',
    { contexts: ['east'] },
    'east',
    [{ name: 'east', context: { cluster: 'east', user: 'me', namespace: 'shop' } }],
  ],
  [
    'the first of several namespaces',
    { namespaces: [{ namespace: 'a' }, { namespace: 'b' }] },
    'west',
    [{ ...west, context: { ...west.context, namespace: 'a' } }],
  ],
  [
    'a namespace of the second context',
    { contexts: ['west', 'east'], namespaces: [{ context: 'east', namespace: 'b' }] },
    'west',
    [west, { name: 'east', context: { cluster: 'east', user: 'me', namespace: 'b' } }],
  ],
  [
    'another cluster and user',
    { cluster: 'east', user: 'robot' },
    'west',
    [{ name: 'west', context: { cluster: 'east', user: 'robot', namespace: 'default' } }],
  ],
])('%s is said in a file in front of them, which has no secret', async (_, more, current, contexts) => {
  const { files, text = '' } = await chosen(more);
  expect(files).toEqual([KUBECONFIG_FILE, 'FILE']);
  expect(JSON.parse(text)).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    contexts,
  });
});

test('what is of no file has nothing to stand in front of', async () => {
  expect(await chosen({ kubeconfigText: KUBECONFIG, contexts: ['east'] })).toEqual({
    files: [],
    text: undefined,
  });
});

test('the environment is changed where it leads elsewhere', () => {
  const given = (files: string[], env: Record<string, string>) =>
    withKubeconfig(env, { files, text: undefined });
  expect(given([], { HOME: '/home/a' })).toEqual({ HOME: '/home/a' });
  expect(given(['/home/a/.kube/config'], { HOME: '/home/a' })).toEqual({ HOME: '/home/a' });
  expect(given(['/b', '/c'], { KUBECONFIG: '/b::/c' })).toEqual({ KUBECONFIG: '/b::/c' });
  // Who joins a sandbox may be in another directory.
  expect(given(['/b'], { KUBECONFIG: 'b' })).toEqual({ KUBECONFIG: '/b' });
  expect(given(['/b', '/c'], { KUBECONFIG: '/c:/b' })).toEqual({ KUBECONFIG: '/b:/c' });
});
