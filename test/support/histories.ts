/** Failures as they stand in a workflow's history, which is what an operator reads in the Web UI. */

import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

export interface ToldFailure {
  readonly type: string;
  readonly message: string;
  /** The failure's first detail. */
  readonly details: Record<string, unknown>;
}

/** Failures of activities, those that were retried included, oldest first. */
export function failuresIn(history: History): ToldFailure[] {
  return (history.events ?? []).flatMap((event) => {
    const failure =
      event.activityTaskFailedEventAttributes?.failure ??
      event.activityTaskStartedEventAttributes?.lastFailure;
    return failure ? [told(failure)] : [];
  });
}

function told(failure: temporal.api.failure.v1.IFailure): ToldFailure {
  const application = failure.applicationFailureInfo ?? failure.cause?.applicationFailureInfo;
  const payload = application?.details?.payloads?.[0];
  return {
    type: application?.type ?? '',
    message: failure.message ?? '',
    details: payload ? defaultPayloadConverter.fromPayload<Record<string, unknown>>(payload) : {},
  };
}
