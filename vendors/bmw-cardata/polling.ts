/** What is polled of CarData, and how a car's state follows from its values. */
import { startOfDay } from '../../quota/calendar';
import { DAY_MS, MINUTE_MS } from '../../quota/durations';
import type { Freshness } from '../../quota/polling/types';
import type { PollingApi, PollingWish } from '../capabilities/polling';
import type { ReadValue } from '../capabilities/vehicles';
import { DAY_LIMIT } from './limits';
import type { CarDataAccount } from './settings';

export function cardataPolling({ polling }: CarDataAccount): PollingApi {
  const { telematics, basicData, chargingHistory, tyres, chargingSettings, image, night } = polling;
  const wishes: PollingWish[] = [
    {
      read: 'telematics',
      freshMs: {
        active: telematics.active * MINUTE_MS,
        plugged: telematics.plugged * MINUTE_MS,
        idle: telematics.idle * MINUTE_MS,
      },
    },
    { read: 'basic-data', freshMs: days(basicData) },
    {
      read: 'charging-history',
      freshMs: days(chargingHistory),
      // The vendor states no size of a page. Too many are assumed rather than too few: what is left over is used.
      calls: polling.chargingHistoryPages,
      // Since the last time, and a day more for what comes late: a longer span has more pages, and each is a call.
      params: (nowMs) => {
        const today = startOfDay(nowMs, 'UTC');
        return { from: today - (Math.ceil(chargingHistory) + 1) * DAY_MS, to: today + DAY_MS };
      },
    },
    { read: 'tyres', freshMs: days(tyres) },
    { read: 'charging-settings', freshMs: days(chargingSettings) },
    { read: 'image', freshMs: days(image) },
  ];
  return {
    limit: DAY_LIMIT,
    wishes: wishes.filter(({ freshMs }) => freshMs.idle > 0),
    vehicles: polling.vehicles ?? null,
    night:
      night.factor > 1
        ? { from: minutesOf(night.from), to: minutesOf(night.to), zone: night.zone, factor: night.factor }
        : null,
    activeMs: polling.activeMinutes * MINUTE_MS,
    stateRead: 'telematics',
    state: (values) => ({ movedAt: movedAt(values), plugged: isPlugged(values) }),
  };
}

const ODOMETER = 'vehicle.vehicle.travelledDistance';
const MOVING = 'vehicle.isMoving';

/** The odometer is sent at the end of a trip. */
function movedAt(values: Readonly<Record<string, ReadValue>>): number | null {
  const moving = values[MOVING];
  const signs = [values[ODOMETER]?.at ?? null, isTrue(moving?.value) ? (moving?.at ?? null) : null];
  const known = signs.filter((at) => at !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function isPlugged(values: Readonly<Record<string, ReadValue>>): boolean {
  const port = String(values['vehicle.body.chargingPort.status']?.value ?? '').toUpperCase();
  const charging = String(
    values['vehicle.drivetrain.electricEngine.charging.status']?.value ?? '',
  ).toUpperCase();
  return port === 'CONNECTED' || charging === 'CHARGINGACTIVE';
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

function days(count: number): Freshness {
  const ms = count * DAY_MS;
  return { active: ms, plugged: ms, idle: ms };
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}
