/** The rules that every request to a vendor obeys before it is sent. */
import type { Dispatcher } from 'undici';

/** As a code of the network's, for verdicts: nothing was sent. */
export const LATE_DEPARTURE = 'LATE_DEPARTURE';

/**
 * Refuses a request that is not being written within this time, ms: its process was frozen, or it stood in line. Whoever
 * waited for it may have given it up, and have made another in its place.
 */
export function refusingLateDepartures(withinMs: number): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const asked = performance.now();
    return dispatch(options, {
      onRequestStart: (controller, context) => {
        handler.onRequestStart?.(controller, context);
        const lateMs = performance.now() - asked;
        if (lateMs <= withinMs) return;
        const message = `it would have left ${Math.round(lateMs / 1000)} s late, and was not sent`;
        controller.abort(Object.assign(new Error(message), { code: LATE_DEPARTURE }));
      },
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });
  };
}
