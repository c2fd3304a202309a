/**
 * What is read of the API's objects: the numbers of generated.proto in
 * k8s.io/api and k8s.io/apimachinery, the names of the JSON.
 *
 * discovery.k8s.io/v1 and v1beta1 have the same numbers.
 */
import { message } from './message.ts';

const OBJECT_META = message({
  1: ['name', 'text'],
  3: ['namespace', 'text'],
  6: ['resourceVersion', 'text'],
  11: ['labels', 'map'],
});

export const LIST_META = message({ 2: ['resourceVersion', 'text'], 3: ['continue', 'text'] });

export const STATUS = message({ 3: ['message', 'text'], 4: ['reason', 'text'], 6: ['code', 'int32'] });

const SERVICE_PORT = message({
  1: ['name', 'text'],
  2: ['protocol', 'text'],
  3: ['port', 'int32'],
  4: ['targetPort', 'int-or-string'],
});

const CLIENT_IP_CONFIG = message({ 1: ['timeoutSeconds', 'int32'] });

const SERVICE_SPEC = message({
  1: ['ports[]', SERVICE_PORT],
  2: ['selector', 'map'],
  3: ['clusterIP', 'text'],
  4: ['type', 'text'],
  7: ['sessionAffinity', 'text'],
  10: ['externalName', 'text'],
  13: ['publishNotReadyAddresses', 'bool'],
  14: ['sessionAffinityConfig', message({ 1: ['clientIP', CLIENT_IP_CONFIG] })],
  18: ['clusterIPs[]', 'text'],
});

export const SERVICE = message({ 1: ['metadata', OBJECT_META], 2: ['spec', SERVICE_SPEC] });

const ENDPOINT = message({
  1: ['addresses[]', 'text'],
  2: ['conditions', message({ 1: ['ready', 'bool'], 2: ['serving', 'bool'], 3: ['terminating', 'bool'] })],
  3: ['hostname', 'text'],
  4: [
    'targetRef',
    message({ 1: ['kind', 'text'], 2: ['namespace', 'text'], 3: ['name', 'text'], 4: ['uid', 'text'] }),
  ],
});

const ENDPOINT_PORT = message({ 1: ['name', 'text'], 2: ['protocol', 'text'], 3: ['port', 'int32'] });

export const ENDPOINT_SLICE = message({
  1: ['metadata', OBJECT_META],
  2: ['endpoints[]', ENDPOINT],
  3: ['ports[]', ENDPOINT_PORT],
});
