/** Failures and timers as they stand in a workflow's history, which is what an operator reads in the Web UI. */

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
    return failure ? [described(failure)] : [];
  });
}

export interface HistoryTimer {
  readonly eventId: string;
  /** Epoch ms. */
  readonly firesAt: number;
  readonly pending: boolean;
}

/** The timers of a history that were started since an instant, epoch ms. */
export function timersIn(history: History, since = 0): HistoryTimer[] {
  const all = history.events ?? [];
  const ended = new Set(
    all.flatMap((e) => {
      const id = (e.timerFiredEventAttributes ?? e.timerCanceledEventAttributes)?.startedEventId;
      return id ? [String(id)] : [];
    }),
  );
  return all.flatMap((e) => {
    const timeout = e.timerStartedEventAttributes?.startToFireTimeout;
    if (!timeout) return [];
    const startedAt = ms(e.eventTime);
    if (startedAt < since) return [];
    const eventId = String(e.eventId);
    return [{ eventId, firesAt: startedAt + ms(timeout), pending: !ended.has(eventId) }];
  });
}

function ms(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}

function described(failure: temporal.api.failure.v1.IFailure): ToldFailure {
  const application = failure.applicationFailureInfo ?? failure.cause?.applicationFailureInfo;
  const payload = application?.details?.payloads?.[0];
  return {
    type: application?.type ?? '',
    message: failure.message ?? '',
    details: payload ? defaultPayloadConverter.fromPayload<Record<string, unknown>>(payload) : {},
  };
}
