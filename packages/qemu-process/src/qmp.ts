import { createServer, type Server, type Socket } from 'node:net';

/** Something that QEMU tells unasked. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU refuses a command of its monitor. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
}

/** QEMU is gone: what was asked of it gets no answer. */
export class QemuGone extends Error {
  override readonly name = 'QemuGone';
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface EventWaiting extends Waiting {
  readonly isIt: (event: QmpEvent) => boolean;
}

/** How long an event may take, in ms. */
const EVENT_MS = 30_000;

/**
 * Our side of QEMU's monitor. QEMU connects to the socket when it starts, so nobody has to ask whether it is there
 * yet; the first answer comes when the machine is made.
 * @see [QEMU] docs/interop/qmp-spec.rst
 */
export class Qmp {
  /** Everything told so far, oldest first. */
  readonly events: QmpEvent[] = [];
  readonly #server: Server;
  readonly #connected: Promise<Socket>;
  readonly #waiting: Waiting[] = [];
  readonly #forEvents = new Set<EventWaiting>();
  #gone: QemuGone | null = null;
  #socket: Socket | null = null;

  private constructor(server: Server) {
    this.#server = server;
    this.#connected = new Promise((resolve) => {
      server.once('connection', (socket) => {
        server.close();
        this.#socket = socket;
        this.#listen(socket);
        resolve(socket);
      });
    });
  }

  /** Waits for a QEMU at this path. */
  static async at(path: string): Promise<Qmp> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return new Qmp(server);
  }

  /**
   * Gives a command and waits for its answer. Commands are answered in their order.
   * @throws QmpError where QEMU refuses it; QemuGone
   */
  async command(execute: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#gone !== null) throw this.#gone;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const text = JSON.stringify(args === undefined ? { execute } : { execute, arguments: args });
    // One that waits already has its place in the order, also where QEMU did not connect yet.
    this.#connected.then((socket) => socket.write(`${text}\n`));
    return answer;
  }

  /**
   * Waits for an event, from the one with number `from` on. Default: from now on, 30 s.
   * @throws Error where it does not come; QemuGone
   */
  event(
    name: string,
    {
      isIt = () => true,
      from = this.events.length,
      ms = EVENT_MS,
    }: { isIt?: (event: QmpEvent) => boolean; from?: number; ms?: number } = {},
  ): Promise<QmpEvent> {
    const matches = (event: QmpEvent): boolean => event.event === name && isIt(event);
    const found = this.events.slice(from).find(matches);
    if (found !== undefined) return Promise.resolve(found);
    if (this.#gone !== null) return Promise.reject(this.#gone);
    return new Promise<QmpEvent>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#forEvents.delete(waiting);
      };
      const waiting: EventWaiting = {
        isIt: matches,
        resolve: (event) => {
          done();
          resolve(event as QmpEvent);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiting.reject(new Error(`QEMU did not tell ${name} within ${ms} ms`)),
        ms,
      );
      this.#forEvents.add(waiting);
    });
  }

  /** QEMU is gone: whoever waits hears why. */
  end(why: string): void {
    this.#gone ??= new QemuGone(why);
    this.#server.close();
    this.#socket?.destroy();
    for (const { reject } of [...this.#waiting.splice(0), ...this.#forEvents]) reject(this.#gone);
  }

  #listen(socket: Socket): void {
    let rest = '';
    // That QEMU is gone is told by its exit.
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line));
    });
  }

  #take(message: Record<string, unknown>): void {
    if ('event' in message) {
      const event: QmpEvent = {
        event: String(message.event),
        data: (message.data ?? {}) as QmpEvent['data'],
      };
      this.events.push(event);
      for (const waiting of [...this.#forEvents]) if (waiting.isIt(event)) waiting.resolve(event);
    } else if ('return' in message) {
      this.#waiting.shift()?.resolve(message.return);
    } else if ('error' in message) {
      const { desc } = message.error as { desc?: unknown };
      this.#waiting.shift()?.reject(new QmpError(String(desc)));
    }
  }
}
