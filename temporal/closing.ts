/**
 * The SDK repeats a failed call from a timer. Once the connection is closed, such a repetition throws where nobody can
 * catch it, and ends the process. This interceptor lies behind the SDK's own and keeps repetitions from a closed
 * connection; whoever made the call has gone. A new call on a closed connection still throws where it is made.
 */
import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** Takes everything and never answers. */
const SILENT_CALL = {
  start: () => undefined,
  sendMessage: () => undefined,
  sendMessageWithContext: () => undefined,
  startRead: () => undefined,
  halfClose: () => undefined,
  cancelWithStatus: () => undefined,
  getPeer: () => '',
  getAuthContext: () => null,
} as unknown as Call;

export class RepetitionsUntilClosed {
  private closed = false;
  /** A call has the same options each time it is repeated. */
  private readonly begun = new WeakSet<object>();

  readonly interceptor: Interceptor = (options, nextCall) => {
    if (this.closed && this.begun.has(options)) return SILENT_CALL;
    this.begun.add(options);
    return nextCall(options) as Call;
  };

  close(): void {
    this.closed = true;
  }
}
