import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate';
import { createActor } from 'xstate';

/** A machine's answer to one message: where it stands now, and what it sent, in order. */
export interface Stepped<Machine extends AnyStateMachine, Sent> {
  readonly snapshot: SnapshotFrom<Machine>;
  readonly sent: readonly Sent[];
}

/** A machine as a pure function of snapshots and messages. */
export interface Stepper<Machine extends AnyStateMachine, Sent> {
  readonly initial: (input: InputFrom<Machine>) => Stepped<Machine, Sent>;
  readonly step: (
    snapshot: SnapshotFrom<Machine>,
    message: EventFromLogic<Machine>,
  ) => Stepped<Machine, Sent>;
}

/** The part of an actor's surroundings that a transition touches. */
type ActorScope = Parameters<AnyStateMachine['transition']>[2];

/**
 * Asks a machine for its transitions without running an actor for each. xstate's own `transition()` builds
 * an actor a call; here one inert scope serves them all, and what a machine emits is collected where the
 * actor would have executed it.
 */
export function stepper<Machine extends AnyStateMachine, Sent>(machine: Machine): Stepper<Machine, Sent> {
  let sent: Sent[] = [];
  const scopeOf = (input: InputFrom<Machine> | undefined): ActorScope => {
    const self = createActor(machine, { input: input as never });
    return {
      self: self as never,
      system: self.system,
      id: '',
      sessionId: '',
      logger: () => {},
      defer: () => {},
      stopChild: () => {},
      emit: () => {},
      actionExecutor: ({ type, params }) => {
        if (type !== 'xstate.emit')
          throw new Error(`${machine.id} ran ${type}: only assign and emit are pure`);
        sent.push((params as unknown as { readonly event: Sent }).event);
      },
    };
  };
  let scope: ActorScope | undefined;
  return {
    initial: (input) => {
      sent = [];
      scope ??= scopeOf(input);
      const snapshot = machine.getInitialSnapshot(scope as never, input as never) as SnapshotFrom<Machine>;
      return { snapshot, sent };
    },
    step: (snapshot, message) => {
      sent = [];
      scope ??= scopeOf(undefined);
      const next = machine.transition(snapshot as never, message as never, scope as never);
      return { snapshot: next as SnapshotFrom<Machine>, sent };
    },
  };
}
