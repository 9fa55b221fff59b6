/** Something that happened while a guest was recorded. */
export interface Mark {
  /** Since QEMU was started. */
  readonly seconds: number;
  readonly text: string;
  /** Lines that the log had by then. */
  readonly lines: number;
}

/** Something said at a monitor: a command, its answer, or what QEMU told unasked. */
export interface MonitorLine {
  readonly seconds: number;
  readonly kind: 'command' | 'answer' | 'event';
  readonly message: unknown;
}

/** What stands beside a log, and tells what the log does not. */
export interface Description {
  readonly name: string;
  readonly scenario: string;
  readonly shows: string;
  readonly qemu: string;
  /** Without the folders of the machine that it ran on. */
  readonly commandLine: string;
  readonly guest: {
    readonly kernel: string;
    readonly pageBytes: number;
    /** Packages of Debian that the guest was made of, with their versions. */
    readonly packages: readonly string[];
  };
  readonly devices: readonly string[];
  /** The guest's shell script. */
  readonly script: string;
  readonly seconds: number;
  readonly lines: number;
  /** Lines of the log by event. */
  readonly events: Readonly<Record<string, number>>;
  readonly marks: readonly Mark[];
  readonly monitor: readonly MonitorLine[];
  /** How QEMU ended. */
  readonly exit: { readonly status: number | null; readonly signal: string | null } | null;
  readonly stderr: string;
  /** Why the recording is not what it should be; null where it is. */
  readonly trouble: string | null;
}
