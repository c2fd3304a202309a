/**
 * Every flow and its verdict, as JSON lines in a file:
 *
 *     {"time":"…","event":"start","id":7,"protocol":"tcp","address":"192.0.2.1","port":443,"names":["example.com"],…}
 *     {"time":"…","event":"end","id":7,"sent":512,"received":81920,"ms":120}
 *
 * A flow that is denied has the first line alone, and a name that is not looked
 * up a line of its own (`"event":"name"`). Lines wait in memory for the
 * disk, as many as a bound allows. Past it they are dropped, and a line says how
 * many: packets never wait for an audit.
 */

import { promises as files, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { FlowMeter } from '../egress/meter.ts';
import { UsageError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { RemoteStreamError } from '../relay/stream.ts';
import type { Decision, Flow, NameDecision } from './decision.ts';

const MAX_PENDING_BYTES = 1 << 20;
/** Names and addresses of what was visited are the user's own affair. */
const FILE_MODE = 0o600;

export class AuditLog {
  readonly #stream: WriteStream;
  #nextId = 1;
  #dropped = 0;
  #failed = false;

  constructor(stream: WriteStream, log: Log) {
    this.#stream = stream;
    stream.on('drain', () => this.#tellDropped());
    stream.on('error', (error) => {
      this.#failed = true;
      log.warn(`the audit ends here: ${error.message}`);
    });
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
  async close(): Promise<void> {
    if (this.#failed) return;
    this.#tellDropped();
    this.#stream.end();
    await finished(this.#stream).catch(() => {}); // told by the handler above
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#put({ event: 'dropped', lines: dropped });
  }

  #write(entry: object): void {
    if (this.#failed) return;
    if (this.#stream.writableLength >= MAX_PENDING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#put(entry);
  }

  #put(entry: object): void {
    this.#stream.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
  }
}

/** Throws `AUDIT_FAILED`. @param path a file that is added to */
export async function openAudit(path: string, log: Log): Promise<AuditLog> {
  try {
    const file = await files.open(path, 'a', FILE_MODE);
    return new AuditLog(file.createWriteStream(), log);
  } catch (error) {
    throw new UsageError(
      'AUDIT_FAILED',
      `the audit can't be written: ${error instanceof Error ? error.message : String(error)}`,
      'name a file that you may write, in a folder that is there',
    );
  }
}

class AuditedFlow implements FlowMeter {
  readonly #onEnd: (end: object) => void;
  readonly #startedAt = performance.now();
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

  ended(error?: RemoteStreamError): void {
    this.#onEnd({
      sent: this.#sent,
      received: this.#received,
      ms: Math.round(performance.now() - this.#startedAt),
      ...(error && { error: error.message }),
    });
  }
}
