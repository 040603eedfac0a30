/** Inputs and results of the command activities: ids and results only, because passwords stay in the activity. */
import type { CommandOutcome } from '../../store/commands/commands';
import type { CommandPolling } from '../../vendors/capabilities/commands';

export interface CommandRef {
  readonly commandId: number;
}

/** `queued`: the vendor has it and the device has not answered yet. */
export type CommandStep =
  | { readonly kind: 'ended'; readonly outcome: CommandOutcome }
  | {
      readonly kind: 'queued';
      readonly vendorCommandId: string;
      /** How its result is polled; absent in histories from before vendors described it. */
      readonly polling?: CommandPolling;
    };
