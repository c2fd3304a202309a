import { expect, test } from 'vitest';
import { sourcesOf, standaloneKubeconfig } from '../../../../src/cluster/access/standalone.ts';
import { parseYaml } from '../../../../src/cluster/access/yaml.ts';

const FILES = [
  {
    path: '/home/a/kube/first',
    root: parseYaml(`
clusters:
- {name: a, cluster: {server: 'https://a.test', certificate-authority: ca.pem}}
users:
- {name: key, user: {client-certificate: ../me.crt, client-key: /keys/me.key}}
- {name: file, user: {tokenFile: token}}
- {name: near, user: {exec: {command: ./login, apiVersion: v1}}}
- {name: path, user: {exec: {command: login}}}
- {name: nobody}
contexts:
- {name: a, context: {cluster: a, user: key, extensions: []}}
`),
  },
  { path: '/empty', root: null },
  {
    path: '/etc/second',
    root: parseYaml(`
clusters:
- {name: a, cluster: {server: 'https://other.test'}}
- {name: b, cluster: {server: 'https://b.test', certificate-authority: ca.pem}}
current-context: b
`),
  },
];
const CHOSEN = { name: 'a', cluster: 'b', user: 'file', namespace: 'shop' };
const merged = JSON.parse(standaloneKubeconfig(FILES, [CHOSEN]));

test('the first file to have a name has it, and paths are from the folders of their files', () => {
  expect(merged.clusters).toEqual([
    { name: 'a', cluster: { server: 'https://a.test', 'certificate-authority': '/home/a/kube/ca.pem' } },
    { name: 'b', cluster: { server: 'https://b.test', 'certificate-authority': '/etc/ca.pem' } },
  ]);
  expect(merged.users).toEqual([
    { name: 'key', user: { 'client-certificate': '/home/a/me.crt', 'client-key': '/keys/me.key' } },
    { name: 'file', user: { tokenFile: '/home/a/kube/token' } },
    { name: 'near', user: { exec: { command: '/home/a/kube/login', apiVersion: 'v1' } } },
    { name: 'path', user: { exec: { command: 'login' } } },
    { name: 'nobody', user: null },
  ]);
});

test('what was chosen takes the place of what the files say, and nothing else does', () => {
  expect(merged['current-context']).toBe('a');
  const { name, ...context } = CHOSEN;
  expect(merged.contexts).toEqual([{ name, context: { extensions: [], ...context } }]);
});

test('it says which files it was made of, and so does what is made of it', () => {
  const files = FILES.map(({ path }) => path);
  expect(FILES.flatMap((file) => sourcesOf(file))).toEqual(files);
  const again = { path: '/etc/merged', root: merged };
  expect(sourcesOf(again)).toEqual(files);
  expect(sourcesOf({ path: '/x', root: JSON.parse(standaloneKubeconfig([again], [CHOSEN])) })).toEqual(files);
});
