/**
 * Each packet of the sandbox's interface, in a file that Wireshark and tcpdump read.
 *
 * Packets never wait for the file. Those that it is too slow for are missing in
 * it: its last block says how many, and so is the user told.
 */

import type { LinkDevice } from '../../sandbox/index.ts';
import { ObservedDevice, PcapngWriter } from '../../stack/index.ts';
import { UsageError } from '../errors.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Log } from '../observe/log.ts';
import { openOutputFile, type OutputFile } from '../observe/output-file.ts';

/** As the sandbox has it (ip-link(8)). */
const INTERFACE_NAME = 'kns0';

/** Some hundred frames of the largest, or a burst of many small ones. */
const MAX_PENDING_BYTES = 16 << 20;

/** What the clock may be set by, or a suspended machine may miss, before packets have other times. */
const MAX_DRIFT_MS = 100;

/** In fractions of a millisecond, which Date has not. */
class TimeOfDay {
  #startMs = Date.now() - monotonicMs();

  /** Milliseconds since the epoch. */
  nowMs(): number {
    const [now, date] = [this.#startMs + monotonicMs(), Date.now()];
    if (Math.abs(now - date) <= MAX_DRIFT_MS) return now;
    this.#startMs += date - now;
    return date;
  }
}

export class Capture {
  readonly #file: OutputFile;
  readonly #log: Log;
  readonly #clock = new TimeOfDay();
  #writer: PcapngWriter | undefined;
  #received = 0;
  #dropped = 0;

  constructor(file: OutputFile, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  /** The same device, whose frames are captured from now on. */
  observe(device: LinkDevice): ObservedDevice {
    const writer = new PcapngWriter((blocks) => this.#file.write(blocks), {
      framing: device.framing,
      interfaceName: INTERFACE_NAME,
    });
    this.#writer = writer;
    const counted = {
      frame: (...seen: Parameters<PcapngWriter['frame']>) => {
        if (this.#file.isOver) return;
        this.#received += 1;
        if (this.#file.hasRoom) writer.frame(...seen);
        else this.#dropped += 1;
      },
    };
    return new ObservedDevice(device, [counted], () => this.#clock.nowMs());
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    if (this.#file.isOver) return;
    const [received, dropped] = [this.#received, this.#dropped];
    this.#writer?.finish(this.#clock.nowMs(), { received, dropped });
    await this.#file.close();
    if (dropped > 0)
      this.#log.warn(
        `${dropped} of ${received} packets are missing in the capture, which was too slow for them`,
      );
  }
}

/** Throws `CAPTURE_FAILED`. @param path a file that is made or replaced */
export async function openCapture(path: string, log: Log): Promise<Capture> {
  const file = await openOutputFile(path, {
    what: 'the capture',
    failed: (message, remedy) => new UsageError('CAPTURE_FAILED', message, remedy),
    flags: 'w',
    maxPendingBytes: MAX_PENDING_BYTES,
    log,
  });
  return new Capture(file, log);
}
