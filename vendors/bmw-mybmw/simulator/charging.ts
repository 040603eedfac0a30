/** How a car charges, as its owner has set it: what commands may say of that, and what reads show of it. */
import { z } from 'zod';
import type { SimCar } from '../../bmw/simulator/cars';
import type { CarState } from '../../bmw/simulator/life';

const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
const AC_LIMITS = [6, 10, 16, 32] as const;
const LOUDNESS = ['UNLIMITED_LOUD', 'LIMITED_LOUD', 'NO_ACTION'] as const;
const TARGET = { min: 20, max: 100, step: 5 } as const;

/** As the vendor writes a time of day: `0001-01-01T07:30:00.000`. */
const timeOfDay = z.string().regex(/^0001-01-01T([01]\d|2[0-3]):[0-5]\d:\d\d(\.\d+)?$/);

/** The body of `charging-settings`; what is null or absent stays as it is. */
const settingsBody = z.object({
  chargingTarget: z.int().min(TARGET.min).max(TARGET.max).multipleOf(TARGET.step).nullish(),
  acLimitValue: z.literal(AC_LIMITS).nullish(),
  dcLoudness: z.enum(LOUDNESS).nullish(),
  isUnlockCableActive: z.boolean().nullish(),
});

const timerSchema = z.object({
  id: z.int().min(1).max(4),
  daysOfTheWeek: z.array(z.enum(WEEKDAYS)).default([]),
  time: timeOfDay.default('0001-01-01T00:00:00'),
  timerAction: z.string().min(1).default('DEACTIVATE'),
});

/** The body of `charging-profile`. */
const profileBody = z.object({
  chargingMode: z
    .object({
      type: z.enum(['CHARGING_IMMEDIATELY', 'TIME_SLOT', 'NO_ACTION']),
      chargingPreference: z.enum(['NO_PRESELECTION', 'CHARGING_WINDOW', 'UNKNOWN']).optional(),
      startTimeSlot: timeOfDay.optional(),
      endTimeSlot: timeOfDay.optional(),
    })
    .nullish(),
  departureTimer: z
    .object({
      type: z.enum(['WEEKLY_DEPARTURE_TIMER', 'TWO_DEPARTURE_TIMER']),
      weeklyTimers: z.array(timerSchema).max(4).default([]),
    })
    .nullish(),
  isPreconditionForDepartureActive: z.boolean().nullish(),
});

export const chargingOrderSchema = z.discriminatedUnion('about', [
  settingsBody.extend({ about: z.literal('charging-settings') }),
  profileBody.extend({ about: z.literal('charging-profile') }),
]);
export type ChargingOrder = z.output<typeof chargingOrderSchema>;

/** What a car has been set to. */
export interface ChargingPlan {
  readonly target: number;
  readonly acLimit: number;
  readonly loudness: (typeof LOUDNESS)[number];
  readonly unlocksCable: boolean;
  readonly mode: {
    readonly type: string;
    readonly preference: string;
    readonly start: string;
    readonly end: string;
  };
  readonly timerType: string;
  readonly timers: readonly z.output<typeof timerSchema>[];
  readonly preconditions: boolean;
}

const NEVER = '0001-01-01T00:00:00';

/** @param target of the car as it was delivered, percent. */
export function deliveredPlan(target: number): ChargingPlan {
  return {
    target,
    acLimit: 16,
    loudness: 'UNLIMITED_LOUD',
    unlocksCable: false,
    mode: { type: 'CHARGING_IMMEDIATELY', preference: 'NO_PRESELECTION', start: NEVER, end: NEVER },
    timerType: 'WEEKLY_DEPARTURE_TIMER',
    timers: [1, 2, 3, 4].map((id) => ({ id, daysOfTheWeek: [], time: NEVER, timerAction: 'DEACTIVATE' })),
    preconditions: false,
  };
}

/** @returns what is wrong with the body, in words, or the order. */
export function chargingOrder(about: ChargingOrder['about'], body: object): ChargingOrder | string {
  const parsed = chargingOrderSchema.safeParse({ ...body, about });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is not as it should be'}`;
}

export function afterOrder(plan: ChargingPlan, order: ChargingOrder): ChargingPlan {
  if (order.about === 'charging-settings') {
    return {
      ...plan,
      target: order.chargingTarget ?? plan.target,
      acLimit: order.acLimitValue ?? plan.acLimit,
      loudness: order.dcLoudness ?? plan.loudness,
      unlocksCable: order.isUnlockCableActive ?? plan.unlocksCable,
    };
  }
  const { chargingMode: mode, departureTimer: timer } = order;
  const timers = timer?.weeklyTimers ?? [];
  return {
    ...plan,
    mode: mode
      ? {
          type: mode.type,
          preference: mode.chargingPreference ?? plan.mode.preference,
          start: mode.startTimeSlot ?? plan.mode.start,
          end: mode.endTimeSlot ?? plan.mode.end,
        }
      : plan.mode,
    timerType: timer?.type ?? plan.timerType,
    timers: plan.timers.map((known) => timers.find(({ id }) => id === known.id) ?? known),
    preconditions: order.isPreconditionForDepartureActive ?? plan.preconditions,
  };
}

/**
 * A car's state with the target that was set. A lower one than that of the car's life ends the charging there; the charge
 * that it had before is kept.
 * @param before the charge when it was plugged in or the target was set, whichever was later; percent.
 */
export function chargedTo(state: CarState, { target }: ChargingPlan, before: number | null): CarState {
  if (state.soc === null || target === state.targetSoc) return state;
  const soc = state.plugged ? Math.min(state.soc, Math.max(target, before ?? 0)) : state.soc;
  const share = (target - soc) / (state.targetSoc - soc);
  return {
    ...state,
    soc,
    targetSoc: target,
    remainingMinutes: state.charging && share > 0 ? Math.ceil(state.remainingMinutes * share) : 0,
    electricRangeKm:
      state.electricRangeKm === null || state.soc === 0
        ? state.electricRangeKm
        : Math.round((state.electricRangeKm * soc) / state.soc),
  };
}

/** The state's names for what a profile's body calls otherwise. */
const MODES: Readonly<Record<string, string>> = {
  CHARGING_IMMEDIATELY: 'IMMEDIATE_CHARGING',
  TIME_SLOT: 'DELAYED_CHARGING',
};
const TIMER_TYPES: Readonly<Record<string, string>> = {
  WEEKLY_DEPARTURE_TIMER: 'WEEKLY_PLANNER',
  TWO_DEPARTURE_TIMER: 'TWO_TIMES_TIMER',
};

/** As a part of the state. */
export function chargingProfile(car: SimCar, plan: ChargingPlan) {
  const { mode } = plan;
  return {
    chargingControlType: TIMER_TYPES[plan.timerType] ?? 'UNKNOWN',
    chargingMode: MODES[mode.type] ?? 'NO_ACTION',
    chargingPreference: mode.preference,
    chargingSettings: {
      acCurrentLimit: car.batteryKwh > 0 ? plan.acLimit : 0,
      hospitality: 'NO_ACTION',
      idcc: plan.loudness,
      targetSoc: plan.target,
    },
    climatisationOn: plan.preconditions,
    departureTimes: plan.timers.map((timer) => ({
      action: timer.timerAction,
      id: timer.id,
      timeStamp: hourAndMinute(timer.time),
      timerWeekDays: timer.daysOfTheWeek,
    })),
    ...(mode.preference === 'CHARGING_WINDOW'
      ? { reductionOfChargeCurrent: { start: hourAndMinute(mode.start), end: hourAndMinute(mode.end) } }
      : {}),
  };
}

/** Charging settings and profile as a read of their own, of cars that charge. */
export function chargingSettings(plan: ChargingPlan) {
  return {
    chargeAndClimateSettings: { chargeAndClimateTimer: { showDepartureTimers: false } },
    chargeAndClimateTimerDetail: {
      chargingMode: {
        chargingPreference: plan.mode.preference,
        endTimeSlot: wholeSeconds(plan.mode.end),
        startTimeSlot: wholeSeconds(plan.mode.start),
        type: plan.mode.type,
      },
      departureTimer: {
        type: plan.timerType,
        weeklyTimers: plan.timers.map((timer) => ({ ...timer, time: wholeSeconds(timer.time) })),
      },
      isPreconditionForDepartureActive: plan.preconditions,
    },
    chargingSettingsDetail: {
      acLimit: {
        current: { unit: 'A', value: plan.acLimit },
        isUnlimited: false,
        max: AC_LIMITS.at(-1),
        min: AC_LIMITS[0],
        values: AC_LIMITS,
      },
      chargingTarget: plan.target,
      dcLoudness: plan.loudness,
      isUnlockCableActive: plan.unlocksCable,
    },
    servicePack: 'TCB1',
  };
}

const wholeSeconds = (time: string) => time.slice(0, NEVER.length);

function hourAndMinute(time: string) {
  return { hour: Number(time.slice(11, 13)), minute: Number(time.slice(14, 16)) };
}
