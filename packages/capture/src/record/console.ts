import { connect, type Socket } from 'node:net';

/** What a guest says to the recorder. */
export interface ConsoleListener {
  readonly booted: (release: string) => void;
  readonly marked: (text: string) => void;
  readonly asked: (name: string) => void;
  readonly failed: (text: string) => void;
  readonly ended: () => void;
}

/** Takes a guest's console apart, in whatever pieces it comes. */
export class ConsoleReader {
  readonly #listener: ConsoleListener;
  #rest = '';

  constructor(listener: ConsoleListener) {
    this.#listener = listener;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line.replace(/\r/g, ''));
  }

  #line(line: string): void {
    const [, word, text = ''] = /^@(BOOT|MARK|ASK|FAIL|END)(?: (.*))?$/.exec(line) ?? [];
    if (word === 'BOOT') this.#listener.booted(text);
    else if (word === 'MARK') this.#listener.marked(text);
    else if (word === 'ASK') this.#listener.asked(text);
    else if (word === 'FAIL') this.#listener.failed(text);
    else if (word === 'END') this.#listener.ended();
  }
}

/** The other end of a guest's console. */
export class GuestConsole {
  /** Resolves when nothing will be said any more. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;

  constructor(path: string, listener: ConsoleListener) {
    const reader = new ConsoleReader(listener);
    this.#socket = connect(path);
    // That the machine is gone is told by its exit.
    this.#socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', () => resolve());
    });
    this.#socket.setEncoding('latin1').on('data', (text: string) => reader.take(text));
  }

  /** Types a line. */
  type(text: string): void {
    this.#socket.write(`${text}\n`);
  }
}
