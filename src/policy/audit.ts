/**
 * Every flow and its verdict, as JSON lines in a file:
 *
 *     {"time":"…","event":"start","id":7,"protocol":"tcp","address":"192.0.2.1","port":443,"names":["example.com"],…}
 *     {"time":"…","event":"end","id":7,"sent":512,"received":81920,"ms":120}
 *
 * The end has the pod as well, where one has carried it.
 *
 * A flow that is denied has the first line alone, and a name that is not looked
 * up a line of its own (`"event":"name"`). Packets never wait for an audit: see
 * LineFile for the lines that are lost then.
 */

import type { FlowMeter } from '../egress/meter.ts';
import { UsageError } from '../errors.ts';
import { monotonicMs } from '../monotonic.ts';
import { type LineFile, openLineFile } from '../observe/line-file.ts';
import type { Log } from '../observe/log.ts';
import type { RemoteStreamError } from '../relay/stream.ts';
import type { Decision, Flow, NameDecision } from './decision.ts';

export class AuditLog {
  readonly #file: LineFile;
  #nextId = 1;

  constructor(file: LineFile) {
    this.#file = file;
  }

  /** A flow has been decided on. @returns what is to be told of how it goes on; of one that was denied, nothing */
  begin(flow: Flow, { verdict, rule, via, address }: Decision): FlowMeter | undefined {
    const id = this.#nextId++;
    const { protocol, port, names, service } = flow;
    this.#write({ event: 'start', id, protocol, address, port, names, service, verdict, rule, via });
    return verdict === 'deny'
      ? undefined
      : new AuditedFlow((end) => this.#write({ event: 'end', id, ...end }));
  }

  /** A name was not looked up, or would not have been. */
  name(name: string, { verdict, rule }: NameDecision): void {
    this.#write({ event: 'name', name, verdict, rule });
  }

  /** Writes what is left. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #write(entry: object): void {
    this.#file.write(() => timed(entry));
  }
}

export function droppedLine(lines: number): string {
  return timed({ event: 'dropped', lines });
}

function timed(entry: object): string {
  return JSON.stringify({ time: new Date().toISOString(), ...entry });
}

/** Throws `AUDIT_FAILED`. @param path a file that is added to */
export async function openAudit(path: string, log: Log): Promise<AuditLog> {
  return new AuditLog(
    await openLineFile(path, {
      what: 'the audit',
      failed: (message, remedy) => new UsageError('AUDIT_FAILED', message, remedy),
      dropped: droppedLine,
      log,
    }),
  );
}

class AuditedFlow implements FlowMeter {
  readonly #onEnd: (end: object) => void;
  readonly #startedAt = monotonicMs();
  #sent = 0;
  #received = 0;

  constructor(onEnd: (end: object) => void) {
    this.#onEnd = onEnd;
  }

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  received(bytes: number): void {
    this.#received += bytes;
  }

  ended(error?: RemoteStreamError, pod?: string): void {
    this.#onEnd({
      pod,
      sent: this.#sent,
      received: this.#received,
      ms: Math.round(monotonicMs() - this.#startedAt),
      ...(error && { error: error.message }),
    });
  }
}
