/** A session that stands, for who looks after it from outside of it: by name, over a control socket. */

import type { PublishedPort } from '../publish/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { Environment } from './proxy-exceptions.ts';
import type { SessionSummary } from './session.ts';

/** Of the sandbox's interface, as `ip -s link` and `ss` would have it. */
export interface Traffic {
  /** Open at this moment. */
  readonly connections: number;
  readonly bytesFromCommand: number;
  readonly bytesToCommand: number;
  /** By policy, since the start. */
  readonly deniedFlows: number;
}

export const NO_TRAFFIC: Traffic = {
  connections: 0,
  bytesFromCommand: 0,
  bytesToCommand: 0,
  deniedFlows: 0,
};

export interface StandingSession {
  readonly summary: SessionSummary;
  /** Commands of this sandbox administer its network. */
  readonly netAdmin: boolean;
  namespaces(): ReturnType<Sandbox['namespaces']>;
  /** A caller's environment, made that of a command of this sandbox. */
  environment(ours: Environment): Promise<Environment>;
  traffic(): Traffic;
  /** Ports of the sandbox that are on the host at the moment. */
  publishedPorts(): readonly PublishedPort[];
  /** Ends all that runs in the sandbox; the session's end follows. */
  end(): void;
}
