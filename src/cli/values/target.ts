/**
 * How the command line names things of a cluster.
 *
 *     --namespace  [context/]namespace
 *     --pick       [[context/]namespace/]kind/name
 *     --alias      dns-name=[[context/]namespace/]kind/name
 *     --wait       [[context/]namespace/]kind/name[=duration]
 *
 * Neither namespaces nor names have slashes, and contexts often do (those of
 * EKS are ARNs): so they are read from the end, and what is left over in front
 * is the context.
 */

import { parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Alias, NamespaceChoice, Target, Wait } from '../../session/choices.ts';

/** A DNS label (RFC 1123), as Kubernetes has it for namespaces and Services. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A DNS subdomain (RFC 1123), as Kubernetes has it for pods and workloads. */
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** What may be looked up; underscores are no part of host names, and yet are met (RFC 2181, section 11). */
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_HOST_NAME = 253;

/** kubectl's names and short names of the kinds. */
const KINDS: Readonly<Record<string, Target['kind']>> = {
  svc: 'Service',
  service: 'Service',
  services: 'Service',
  po: 'Pod',
  pod: 'Pod',
  pods: 'Pod',
  deploy: 'Deployment',
  deployment: 'Deployment',
  deployments: 'Deployment',
  sts: 'StatefulSet',
  statefulset: 'StatefulSet',
  statefulsets: 'StatefulSet',
};

const DEFAULT_WAIT_MS = 60_000;

/** Throws `NAMESPACE_INVALID`. */
export function parseNamespace(text: string): NamespaceChoice {
  const slash = text.lastIndexOf('/');
  const namespace = text.slice(slash + 1);
  if (!LABEL.test(namespace) || slash === 0) {
    throw new UsageError(
      'NAMESPACE_INVALID',
      `"${namespace === '' ? text : namespace}" can't be the name of a namespace`,
      'use lower-case letters, digits and dashes; for several namespaces, repeat -n; for one context alone, -n context/namespace',
    );
  }
  return slash < 0 ? { namespace } : { context: text.slice(0, slash), namespace };
}

/** Throws `TARGET_INVALID`. */
export function parseTarget(text: string, option: string): Target {
  const parts = text.split('/');
  const name = parts.pop() ?? '';
  const kind = KINDS[parts.pop() ?? ''];
  const namespace = parts.pop();
  const context = parts.length > 0 ? parts.join('/') : undefined;
  const isName = kind === 'Service' ? LABEL.test(name) : SUBDOMAIN.test(name);
  if (kind === undefined || !isName || context === '' || (namespace !== undefined && !LABEL.test(namespace)))
    throw invalid(text, option);
  return {
    ...(context === undefined ? {} : { context }),
    ...(namespace === undefined ? {} : { namespace }),
    kind,
    name,
  };
}

/** Throws `TARGET_INVALID` and `DURATION_INVALID`. */
export function parseWait(text: string): Wait {
  const [target, duration, ...more] = text.split('=');
  if (more.length > 0) throw invalid(text, '--wait');
  const timeoutMs = duration === undefined ? DEFAULT_WAIT_MS : parseDuration(duration);
  if (timeoutMs === undefined) {
    throw new UsageError(
      'DURATION_INVALID',
      `--wait: "${duration}" is no duration`,
      'give seconds, or a number with its unit: 500ms, 30s, 2m',
    );
  }
  return { target: parseTarget(target, '--wait'), timeoutMs };
}

/** Throws `ALIAS_INVALID` and `TARGET_INVALID`. */
export function parseAlias(text: string): Alias {
  const equals = text.indexOf('=');
  const name = equals < 0 ? undefined : hostName(text.slice(0, equals));
  if (name === undefined) {
    throw new UsageError(
      'ALIAS_INVALID',
      `--alias: "${text}" does not begin with a host name and =`,
      'write it as --alias api.example.com=svc/web',
    );
  }
  return { name, target: parseTarget(text.slice(equals + 1), '--alias') };
}

/** The name as it is compared (RFC 4343); undefined where it can't be one of a host. */
function hostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  // The last label is never all digits, so that it can't be taken for an address (RFC 1123, section 2.1).
  const isName = labels.every((label) => HOST_LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
  return isName && name.length <= MAX_HOST_NAME ? name : undefined;
}

function invalid(text: string, option: string): UsageError {
  return new UsageError(
    'TARGET_INVALID',
    `${option}: "${text}" does not name a Service, pod, Deployment or StatefulSet`,
    'write it as svc/web, pod/web-0, deploy/web or sts/db, with namespace/ and context/ in front where need be',
  );
}
