/** What lists say, in JSON and as Protocol Buffers: on the embedded cluster and on a real one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Batch } from '../../../../src/cluster/api/list-parser.ts';
import type { Message } from '../../../../src/cluster/api/protobuf/message.ts';
import { ENDPOINT_SLICE, SERVICE } from '../../../../src/cluster/api/protobuf/models.ts';
import { type ApiEndpointSlice, decodeEndpointSlice } from '../../../../src/cluster/discovery/endpoints.ts';
import { type ApiService, decodeService } from '../../../../src/cluster/discovery/services.ts';
import { ApiClient, loadAccess } from '../../../../src/cluster/index.ts';

let api: ApiClient;

beforeAll(async () => {
  api = new ApiClient(await loadAccess({ kubeconfig: process.env['KNS_TEST_KUBECONFIG'] ?? '' }));
});

afterAll(async () => {
  await api.close();
});

async function listed(path: string, model?: Message): Promise<{ items: unknown[]; body: unknown }> {
  const items: unknown[] = [];
  const onItems = async (some: Batch) => void items.push(...some.read());
  const answer = await api.getList(path, model === undefined ? { onItems } : { model, onItems });
  expect(answer).toMatchObject({ status: 200, message: '' });
  return { items, body: answer.body };
}

async function slicesRoot(): Promise<string> {
  const { status } = await api.get('/apis/discovery.k8s.io/v1');
  return `/apis/discovery.k8s.io/${status === 200 ? 'v1' : 'v1beta1'}/namespaces/e2e/endpointslices`;
}

function versionOf({ metadata: { name, resourceVersion } }: ApiService): string {
  return `${name} ${resourceVersion}`;
}

/** Those of e2e stay as they are; who makes them in either form is the server. */
test.each([
  [
    'Services',
    async () => '/api/v1/namespaces/e2e/services',
    SERVICE,
    (items: unknown[]) => (items as ApiService[]).map(decodeService),
  ],
  [
    'EndpointSlices',
    slicesRoot,
    ENDPOINT_SLICE,
    (items: unknown[]) => (items as ApiEndpointSlice[]).map(decodeEndpointSlice),
  ],
])('%s are the same in both forms', async (_kind, pathOf, model, decodeAll) => {
  const path = await pathOf();
  const [binary, json] = [await listed(path, model), await listed(path)];
  expect(binary.items.length).toBeGreaterThan(3);
  expect(decodeAll(binary.items)).toEqual(decodeAll(json.items));
  const [versions, sameVersions] = [binary, json].map(({ items }) => (items as ApiService[]).map(versionOf));
  expect(versions).toEqual(sameVersions);
  for (const { body } of [binary, json]) expect(body).toMatchObject({ items: [], metadata: {} });
});

test('pages go on from one to the next', async () => {
  const path = '/api/v1/namespaces/e2e/services';
  const whole = await listed(path, SERVICE);
  const first = await listed(`${path}?limit=2`, SERVICE);
  const { metadata } = first.body as { metadata: { continue: string } };
  const rest = await listed(`${path}?limit=500&continue=${encodeURIComponent(metadata.continue)}`, SERVICE);
  expect([...first.items, ...rest.items]).toEqual(whole.items);
});

test('a refusal is read in the form that a list would have had', async () => {
  const refused = await api.getList('/api/v1/namespaces/e2e/pods/nobody/services', {
    model: SERVICE,
    onItems: async () => {},
  });
  expect(refused).toMatchObject({ status: 404, message: expect.stringMatching(/\S/) });
});
